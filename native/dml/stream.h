// In-order queue: ops are recorded into the open command list, which submit() hands to the GPU together with closed plans.
#pragma once
#include <deque>
#include <mutex>
#include <optional>

#include "core/failures.h"
#include "dml/commands.h"
#include "dml/staging.h"

namespace lophi::dml {

// A plan: command lists closed once, in order. What changes from run to run is read from buffers.
struct DmlExecutable : Executable {
  DmlExecutable(std::shared_ptr<Gpu> gpu, Plan plan);
  Plan plan;
  std::shared_ptr<Gpu> gpu;
  std::vector<std::unique_ptr<Commands>> parts;
  std::vector<ID3D12CommandList*> lists;
};

class DmlStream : public Stream {
 public:
  explicit DmlStream(std::shared_ptr<Gpu> gpu);
  ~DmlStream() override;
  void run(Call call) override;
  void replay(std::shared_ptr<Executable> plan) override;
  void upload(const View& to, std::span<const std::byte> from) override;
  void download(std::shared_ptr<std::byte> to, const View& from) override;
  Ticket submit() override;
  void wait(Ticket ticket) override;
  void recover() override;

 private:
  struct Submission {
    Ticket ticket;  // the fence's value
    std::vector<std::unique_ptr<Commands>> commands;
    std::vector<std::shared_ptr<const void>> kept;
  };
  struct Landing {
    Ticket ticket;
    std::shared_ptr<std::byte> to;
    Staging::Place from;
    size_t bytes;
  };

  // All under the mutex.
  void enqueue(const std::function<void()>& record);
  Commands& open();
  void close_open();
  void flush();
  void collect();

  std::shared_ptr<Gpu> gpu_;
  std::mutex mutex_;
  Fence fence_;
  Staging uploads_, downloads_;
  std::unique_ptr<Commands> open_;
  size_t open_ops_ = 0;
  Submission next_{};                      // lists that are closed, in order
  std::vector<ID3D12CommandList*> lists_;  // of next_
  std::deque<Submission> running_;
  std::vector<std::unique_ptr<Commands>> spare_;
  std::deque<Landing> landings_;
  Ticket enqueued_ = 0, submitted_ = 0;
  bool lost_ = false;  // the fence never moves again
  Failures failures_;
};

}  // namespace lophi::dml
