// y = a · dequantize(b)ᵀ in the MatMulNBits layout. A warp per output, its lanes side by side along k; rows of a by grid.y.
// The plain version: reads b once per row of a.
#include "cuda/common.cuh"

namespace {

template <class T>
struct MatmulInt4 {
  using Params = lophi::cuda::MatmulInt4Params;

  DEVICE static float value(const Params& p, i64 row, i64 k) {
    const i64 in_row = k / p.block, group = row * p.blocks + in_row, j = k % p.block;
    const int q = p.b[group * (p.block / 2) + j / 2] >> (j % 2 * 4) & 15;
    const int zero = p.zeros ? p.zeros[row * ((p.blocks + 1) / 2) + in_row / 2] >> (in_row % 2 * 4) & 15 : 8;
    return static_cast<float>(q - zero) * load(p.scales, p.scale_dtype, group);
  }

  DEVICE static void run(const Params& p) {
    const T* a = static_cast<const T*>(p.a);
    T* y = static_cast<T*>(p.y);
    const i64 warps = blockDim.x / 32;
    for (i64 row = blockIdx.y; row < p.m; row += gridDim.y)
      for (i64 column = blockIdx.x * warps + warp_id(); column < p.n; column += gridDim.x * warps) {
        float sum = 0;
        for (i64 i = lane_id(); i < p.k; i += 32) sum += to_float(a[row * p.k + i]) * value(p, column, i);
        sum = warp_sum(sum);
        if (lane_id() == 0) store(y + row * p.n + column, sum);
      }
  }
};

}  // namespace

// instances: MatmulInt4<dtype>
