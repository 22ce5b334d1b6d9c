// What an op of the CUDA backend works with.
#pragma once
#include <string>
#include <type_traits>

#include "core/backend.h"
#include "cuda/faults.h"
#include "cuda/memory.h"
#include "cuda/modules.h"
#include "cuda/weight.h"

namespace lophi::cuda {

struct Grid {
  int64_t x = 1, y = 1;
  int threads = 256;
  size_t shared = 0;  // bytes that a block asks for
};

// Enqueues kernels and copies on a stream; without one it only finds the kernels, so that a capture loads none.
class Context {
 public:
  Context(std::shared_ptr<const Gpu> gpu, Modules& modules, CUstream stream, Reports& reports)
      : gpu_(std::move(gpu)), modules_(modules), stream_(stream), reports_(reports) {}

  // `kernel`: a number of kernels.gen.h, `params` its one parameter. An empty grid launches nothing.
  template <class P>
  void launch(int kernel, Grid grid, const P& params) {
    static_assert(std::is_trivially_copyable_v<P>);
    launch_packed(kernel, grid, const_cast<P*>(&params));
  }
  void copy(CUdeviceptr to, CUdeviceptr from, size_t bytes);
  // What a kernel whose operands may hold wrong data reports with, see report() in common.cuh.
  Faults faults(const Call& call);
  int capability() const { return gpu_->capability; }
  // FaultWord::kCounters of them, zeros before and after every launch.
  unsigned* counters();
  bool may_report() const { return may_report_; }
  int multiprocessors() const { return gpu_->multiprocessors; }
  // A weight whose bytes are there for what is launched next.
  const CudaWeight& use(const Weight& weight) {
    const auto& used = static_cast<const CudaWeight&>(weight);
    used.wait(stream_);
    return used;
  }

 private:
  const FaultWord& fault_word();
  void launch_packed(int kernel, Grid grid, void* params);

  const std::shared_ptr<const Gpu> gpu_;
  Modules& modules_;
  CUstream stream_;
  Reports& reports_;
  bool may_report_ = false;
};

using OpFunction = void (*)(Context&, const Call&);

// Blocks of `size` that cover `count`.
constexpr int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// Threads of a block that reduces a row: enough that each has a few loads on their way at once.
constexpr int row_threads(int64_t columns) { return columns <= 128 ? 32 : columns <= 1024 ? 256 : 1024; }

}  // namespace lophi::cuda
