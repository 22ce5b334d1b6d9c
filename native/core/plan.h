// Records a step: checked calls and the memory of what lies between them.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/backend.h"

namespace lophi {

// Memory of an intermediate while it is recorded: it gets an address when the plan is finished.
struct PlannedBuffer : Buffer {
  std::weak_ptr<const void> recording;  // expired: whoever still holds the tensor holds no memory
};

class Recorder {
 public:
  void add(Call call) { plan_.calls.push_back(std::move(call)); }
  std::shared_ptr<Buffer> planned(size_t bytes) const;
  // Fuses calls and gives `kept` views (those that live on) memory of their own, in place. What is left without memory,
  // allocate() gives some.
  Plan finish(Device& device, std::span<View> kept);

 private:
  Plan plan_;
  std::shared_ptr<const void> recording_ = std::make_shared<char>();
};

// Gives what calls need while they run, and their intermediates, places in one arena.
void allocate(Plan& plan, Device& device);

// A placement of `bytes` during calls [first, last]; `offset` is filled in so that no two live ones overlap.
struct Placement {
  size_t bytes = 0;
  size_t first = 0, last = 0;
  size_t offset = 0;
};
// Returns the size of the arena.
size_t place(std::span<Placement> placements);

}  // namespace lophi
