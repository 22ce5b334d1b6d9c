// y = a · dequantize(b)ᵀ in the MatMulNBits layout. A warp per output, its lanes side by side along k; rows of a by grid.y.
// The plain version: reads b once per row of a.
#include "cuda/common.cuh"

namespace {

struct Int4 {
  const u8* b;         // (n, blocks, block/2): element j of a block in byte j/2, low nibble first
  const void* scales;  // (n, blocks), of dtype scale_dtype
  const u8* zeros;     // (n, ceil(blocks/2)): two blocks a byte; null: 8
  int scale_dtype;
  i64 block, blocks;
};

DEVICE float value(const Int4& w, i64 row, i64 k) {
  const i64 group = row * w.blocks + k / w.block, j = k % w.block, in_row = k / w.block;
  const int q = w.b[group * (w.block / 2) + j / 2] >> (j % 2 * 4) & 15;
  const int zero = w.zeros ? w.zeros[row * ((w.blocks + 1) / 2) + in_row / 2] >> (in_row % 2 * 4) & 15 : 8;
  return static_cast<float>(q - zero) * load(w.scales, w.scale_dtype, group);
}

template <class T>
DEVICE void matmul_int4(const T* a,  // (m, k)
                        const Int4& w,
                        T* y,  // (m, n)
                        i64 m, i64 n, i64 k) {
  const i64 warps = blockDim.x / 32;
  for (i64 row = blockIdx.y; row < m; row += gridDim.y)
    for (i64 column = blockIdx.x * warps + warp_id(); column < n; column += gridDim.x * warps) {
      float sum = 0;
      for (i64 i = lane_id(); i < k; i += 32) sum += to_float(a[row * k + i]) * value(w, column, i);
      sum = warp_sum(sum);
      if (lane_id() == 0) store(y + row * n + column, sum);
    }
}

}  // namespace

KERNEL(matmul_int4_float32)
(const float* a, const u8* b, const void* scales, const u8* zeros, float* y, int scale_dtype, i64 block, i64 m, i64 n,
 i64 k) {
  matmul_int4(a, {b, scales, zeros, scale_dtype, block, (k + block - 1) / block}, y, m, n, k);
}
KERNEL(matmul_int4_float16)
(const Half* a, const u8* b, const void* scales, const u8* zeros, Half* y, int scale_dtype, i64 block, i64 m, i64 n,
 i64 k) {
  matmul_int4(a, {b, scales, zeros, scale_dtype, block, (k + block - 1) / block}, y, m, n, k);
}
KERNEL(matmul_int4_bfloat16)
(const Bfloat* a, const u8* b, const void* scales, const u8* zeros, Bfloat* y, int scale_dtype, i64 block, i64 m, i64 n,
 i64 k) {
  matmul_int4(a, {b, scales, zeros, scale_dtype, block, (k + block - 1) / block}, y, m, n, k);
}
