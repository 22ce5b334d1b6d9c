// y = x · wᵀ + bias for a weight in its file's layout. A warp per output, its lanes side by side along k; rows of x by grid.y.
// The plain version: reads w once per row of x.
#include "cuda/weights.cuh"

namespace {

// Rounds as one int8 step of the 32 values that a warp holds: step = largest / 127.
DEVICE float as_int8(float value) {
  const float step = warp_max(fabsf(value)) / 127.0f;
  return step > 0 ? rintf(value / step) * step : 0.0f;
}

template <class W, class T>
struct Linear {
  using Params = lophi::cuda::LinearParams;
  DEVICE static void run(const Params& p) {
    const T* x = static_cast<const T*>(p.x);
    T* y = static_cast<T*>(p.y);
    const i64 warps = blockDim.x / 32;
    for (i64 row = blockIdx.y; row < p.m; row += gridDim.y)
      for (i64 column = blockIdx.x * warps + warp_id(); column < p.n; column += gridDim.x * warps) {
        const u8* weights = p.w + column * (p.k / W::kBlock) * W::kBytes;
        float sum = 0;
        for (i64 i = lane_id(); i < p.k; i += 32) {
          const float value = to_float(x[row * p.k + i]);
          sum += (p.int8 ? as_int8(value) : value) * W::value(weights, i);
        }
        sum = warp_sum(sum);
        if (lane_id() == 0) store(y + row * p.n + column, p.bias ? sum + p.bias[column] : sum);
      }
  }
};

}  // namespace

// instances: Linear<Float32 Float16 Bfloat16 Q8_0 Q4_0, dtype>
