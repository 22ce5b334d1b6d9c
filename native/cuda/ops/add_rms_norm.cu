// sum = x + residual, y = sum / sqrt(mean(sum^2) + epsilon) * weight. A block per row, stepping by the grid; bound by memory.
// The norm sees the sum as stored, so that it equals add followed by rmsNorm.
#include "cuda/common.cuh"

namespace {

template <class T>
struct AddRmsNorm {
  using Params = lophi::cuda::AddRmsNormParams;
  DEVICE static void run(const Params& p) {
    for (i64 row = blockIdx.x; row < p.rows; row += gridDim.x) {
      const i64 first = row * p.columns;
      const T *x = static_cast<const T*>(p.x) + first, *residual = static_cast<const T*>(p.residual) + first;
      T *sum = static_cast<T*>(p.sum) + first, *y = static_cast<T*>(p.y) + first;
      float squares = 0;
      for (i64 i = threadIdx.x; i < p.columns; i += blockDim.x) {
        store(sum + i, to_float(x[i]) + to_float(residual[i]));
        squares += to_float(sum[i]) * to_float(sum[i]);
      }
      const float scale = 1.0f / sqrtf(block_sum(squares) / static_cast<float>(p.columns) + p.epsilon);
      for (i64 i = threadIdx.x; i < p.columns; i += blockDim.x)
        store(y + i, to_float(sum[i]) * scale * load(p.weight, p.weight_dtype, i));
    }
  }
};

}  // namespace

// instances: AddRmsNorm<dtype>
