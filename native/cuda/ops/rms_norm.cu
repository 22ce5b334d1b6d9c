// y = x / sqrt(mean(x^2) + epsilon) * weight. A block per row, stepping by the grid; bound by memory.
#include "cuda/common.cuh"

namespace {

template <class T>
struct RmsNorm {
  using Params = lophi::cuda::RmsNormParams;
  DEVICE static void run(const Params& p) {
    for (i64 row = blockIdx.x; row < p.rows; row += gridDim.x) {
      const T* from = static_cast<const T*>(p.x) + row * p.columns;
      T* to = static_cast<T*>(p.y) + row * p.columns;
      float squares = 0;
      for (i64 i = threadIdx.x; i < p.columns; i += blockDim.x) squares += to_float(from[i]) * to_float(from[i]);
      const float scale = 1.0f / sqrtf(block_sum(squares) / static_cast<float>(p.columns) + p.epsilon);
      for (i64 i = threadIdx.x; i < p.columns; i += blockDim.x)
        store(to + i, to_float(from[i]) * scale * load(p.weight, p.weight_dtype, i));
    }
  }
};

}  // namespace

// instances: RmsNorm<dtype>
