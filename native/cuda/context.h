// What an op of the CUDA backend works with.
#pragma once
#include <string>
#include <type_traits>

#include "core/backend.h"
#include "cuda/memory.h"
#include "cuda/modules.h"

namespace lophi::cuda {

// A weight as a GPU computes on it: its rows in the file's own layout, stacked without gaps.
struct CudaWeight : Weight {
  WeightFormat format = WeightFormat::kFloat32;
  std::shared_ptr<Buffer> data;
};

struct Grid {
  int64_t x = 1, y = 1;
  int threads = 256;
};

// Enqueues kernels and copies on a stream; without one it only finds the kernels, so that a capture loads none.
class Context {
 public:
  Context(const Gpu& gpu, Modules& modules, CUstream stream) : gpu_(gpu), modules_(modules), stream_(stream) {}

  // `kernel`: a number of kernels.gen.h, `params` its one parameter. An empty grid launches nothing.
  template <class P>
  void launch(int kernel, Grid grid, const P& params) {
    static_assert(std::is_trivially_copyable_v<P>);
    launch_packed(kernel, grid, const_cast<P*>(&params));
  }
  void copy(CUdeviceptr to, CUdeviceptr from, size_t bytes);

 private:
  void launch_packed(int kernel, Grid grid, void* params);

  const Gpu& gpu_;
  Modules& modules_;
  CUstream stream_;
};

using OpFunction = void (*)(Context&, const Call&);

// Blocks of `size` that cover `count`.
constexpr int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

}  // namespace lophi::cuda
