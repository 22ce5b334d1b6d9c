// The lane of a DirectML stream: ops are recorded into the open command list, which a mark hands to the GPU together with closed
// plans.
#pragma once
#include <vector>

#include "core/queue.h"
#include "dml/commands.h"
#include "dml/staging.h"

namespace lophi::dml {

// A plan: command lists closed once, in order. What changes from run to run is read from buffers.
struct DmlExecutable : Executable {
  DmlExecutable(std::shared_ptr<Gpu> gpu, Plan plan);
  std::shared_ptr<Gpu> gpu;
  Shared shared;
  std::vector<std::unique_ptr<Commands>> parts;
  std::vector<ID3D12CommandList*> lists;
};

class DmlLane : public Lane {
 public:
  explicit DmlLane(std::shared_ptr<Gpu> gpu);
  void launch(Ticket ticket, const Call& call) override;
  void replay(Ticket ticket, Executable& plan) override;
  std::shared_ptr<Staging> stage(std::span<const std::byte> from, bool later) override;
  void upload(Ticket ticket, const View& to, const Staging& from) override;
  std::shared_ptr<Staging> landing(std::span<std::byte> to) override;
  void download(Ticket ticket, const Staging& to, const View& from) override;
  std::shared_ptr<Mark> mark(Ticket ticket) override;
  void drain() override;
  void clear_fault() override;

 private:
  friend class DmlMark;
  // A fault word that kernels since the last clear_fault() may have written.
  struct Watched {
    std::shared_ptr<Buffer> word;
    bool used;  // since the last mark
  };
  Commands& open();
  void close_open();
  void watch(const Shared& shared);

  std::shared_ptr<Gpu> gpu_;
  Fence fence_;
  Chunks uploads_, downloads_;
  Shared shared_;
  std::vector<Watched> watched_;
  std::unique_ptr<Commands> open_;
  std::vector<std::unique_ptr<Commands>> closed_, spare_;
  std::vector<ID3D12CommandList*> lists_;  // to be handed over, in order
  Ticket signalled_ = 0;
  bool lost_ = false;  // the fence never moves again
};

}  // namespace lophi::dml
