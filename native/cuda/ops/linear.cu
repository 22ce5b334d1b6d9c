// y = x · wᵀ + bias + residual for the rows of one part of a weight. A warp per output, its lanes side by side along k; rows of x by grid.y.
// The plain version: reads w once per row of x, and finds the form of w anew for every value.
#include "cuda/weights.cuh"

namespace {

// Rounds as one int8 step of the 32 values that a warp holds: step = largest / 127.
DEVICE float as_int8(float value) {
  const float step = warp_max(fabsf(value)) / 127.0f;
  return step > 0 ? rintf(value / step) * step : 0.0f;
}

template <class T>
struct Linear {
  using Params = lophi::cuda::LinearParams;
  DEVICE static void run(const Params& p) {
    const WeightRows& w = p.w;
    T* y = static_cast<T*>(p.y) + w.first;
    const i64 warps = blockDim.x / 32;
    for (i64 row = blockIdx.y; row < p.m; row += gridDim.y)
      for (i64 n = blockIdx.x * warps + warp_id(); n < w.count; n += gridDim.x * warps) {
        const T* x = static_cast<const T*>(p.x) + row * w.columns;
        float sum = 0;
        for (i64 k = lane_id(); k < w.columns; k += 32) {
          const float value = to_float(x[w.order ? w.order[k] : k]);
          sum += (p.int8 ? as_int8(value) : value) * weight_at(w, n, k);
        }
        sum = warp_sum(sum);
        if (lane_id() != 0) continue;
        if (p.bias) sum += p.bias[w.first + n];
        const i64 at = row * p.n + n;
        if (p.residual) sum += to_float((static_cast<const T*>(p.residual) + w.first)[at]);
        store(y + at, sum);
      }
  }
};

}  // namespace

// instances: Linear<dtype>
