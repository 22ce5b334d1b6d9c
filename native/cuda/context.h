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

  // Arguments must have exactly the types of the kernel's parameters. An empty grid launches nothing.
  template <class... A>
  void launch(const char* op, const std::string& variant, Grid grid, A... arguments) {
    static_assert((std::is_trivially_copyable_v<A> && ...));
    void* params[] = {&arguments...};
    launch_packed(op, variant, grid, params);
  }
  void copy(CUdeviceptr to, CUdeviceptr from, size_t bytes);

 private:
  void launch_packed(const char* op, const std::string& variant, Grid grid, void** params);

  const Gpu& gpu_;
  Modules& modules_;
  CUstream stream_;
};

using OpFunction = void (*)(Context&, const Call&);

// Blocks of `size` that cover `count`.
constexpr int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

}  // namespace lophi::cuda
