// In-order queue of one GPU: work is handed to the driver as it is enqueued, and events tell how far it got.
#pragma once
#include <deque>
#include <mutex>
#include <vector>

#include "core/failures.h"
#include "cuda/context.h"

namespace lophi::cuda {

// The CUDA graph of a plan, captured once.
class CudaExecutable : public Executable {
 public:
  CudaExecutable(std::shared_ptr<const Gpu> gpu, Modules& modules, Plan plan);
  ~CudaExecutable() override;
  CUgraphExec graph() const { return graph_; }

 private:
  std::shared_ptr<const Gpu> gpu_;
  Plan plan_;  // keeps its operands alive
  CUgraphExec graph_ = nullptr;
};

class CudaStream : public Stream {
 public:
  CudaStream(std::shared_ptr<const Gpu> gpu, std::shared_ptr<Modules> modules, std::shared_ptr<Memory> pinned);
  ~CudaStream() override;
  void run(Call call) override;
  void replay(std::shared_ptr<Executable> plan) override;
  void upload(const View& to, std::span<const std::byte> from) override;
  void download(std::shared_ptr<std::byte> to, const View& from) override;
  Ticket submit() override;
  void wait(Ticket ticket) override;
  void recover() override;

 private:
  using Kept = std::shared_ptr<const void>;
  // An event behind all work up to `ticket`, and what that work uses.
  struct Mark {
    Ticket ticket = 0;
    CUevent event = nullptr;
    std::vector<Kept> kept;
  };
  // Bytes on their way back: the device writes to pinned memory, wait() moves them to where they were asked for.
  struct Landing {
    Ticket ticket;
    std::shared_ptr<CudaBuffer> pinned;
    std::shared_ptr<std::byte> to;
    size_t bytes;
  };

  template <class F>
  void enqueue(Kept keep, F&& work);
  // All of these under the mutex:
  void mark();
  void retire(Ticket done);

  std::shared_ptr<const Gpu> gpu_;
  std::shared_ptr<Modules> modules_;
  std::shared_ptr<Memory> pinned_;
  CUstream stream_ = nullptr;
  std::mutex mutex_;
  Ticket enqueued_ = 0, completed_ = 0;
  std::vector<Kept> kept_;  // by work behind the last mark
  std::deque<std::shared_ptr<Mark>> marks_;
  std::vector<CUevent> events_;  // free ones
  std::deque<Landing> landings_;
  Failures failures_;
};

}  // namespace lophi::cuda
