// y = silu(gate) * up, the halves of a row of x. A thread per element of y, rows by grid.y; bound by memory.
#include "cuda/common.cuh"

namespace {

template <class T>
struct SiluMul {
  using Params = lophi::cuda::SiluMulParams;
  DEVICE static void run(const Params& p) {
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 row = blockIdx.y; row < p.rows; row += gridDim.y) {
      const T* gate = static_cast<const T*>(p.x) + row * 2 * p.columns;
      T* to = static_cast<T*>(p.y) + row * p.columns;
      for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < p.columns; i += step) {
        const float z = to_float(gate[i]);
        store(to + i, z / (1.0f + expf(-z)) * to_float(gate[p.columns + i]));
      }
    }
  }
};

}  // namespace

// instances: SiluMul<dtype>
