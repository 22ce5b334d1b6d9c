// The lane of a CUDA stream: work is handed to the driver as it is launched, and events tell how far it got.
#pragma once
#include <vector>

#include "core/queue.h"
#include "cuda/context.h"

namespace lophi::cuda {

// The CUDA graph of a plan, captured once.
class CudaExecutable : public Executable {
 public:
  CudaExecutable(std::shared_ptr<const Gpu> gpu, Modules& modules, Plan plan);
  ~CudaExecutable() override;
  CUgraphExec graph() const { return graph_; }
  const Reports& reports() const { return reports_; }

 private:
  std::shared_ptr<const Gpu> gpu_;
  CUgraphExec graph_ = nullptr;
  Reports reports_;
};

// Events for marks, used again. Under the queue's lock.
class Events {
 public:
  explicit Events(std::shared_ptr<const Gpu> gpu) : gpu_(std::move(gpu)) {}
  ~Events();
  CUevent take();
  void give(CUevent event);

 private:
  std::shared_ptr<const Gpu> gpu_;
  std::vector<CUevent> free_;
};

class CudaLane : public Lane {
 public:
  CudaLane(std::shared_ptr<const Gpu> gpu, std::shared_ptr<Modules> modules, std::shared_ptr<BlockPool> pinned);
  ~CudaLane() override;
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
  // A fault word that kernels since the last clear() may have written.
  struct Watched {
    std::shared_ptr<const FaultWord> word;
    bool used;  // since the last mark
  };
  void watch(const Reports& reports);

  std::shared_ptr<const Gpu> gpu_;
  std::shared_ptr<Modules> modules_;
  std::shared_ptr<BlockPool> pinned_;
  std::shared_ptr<Events> events_;
  CUstream stream_ = nullptr;
  Reports reports_;
  std::vector<Watched> watched_;
};

}  // namespace lophi::cuda
