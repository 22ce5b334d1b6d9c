// y = x · wᵀ for a weight in its file's layout. A warp per output, its lanes side by side along k; rows of x by grid.y.
// The plain version: reads w once per row of x.
#include "cuda/common.cuh"

namespace {

using lophi::cuda::LinearSize;

// Formats: value i of a row of blocks.
struct Float32 {
  static constexpr i64 kBlock = 1, kBytes = 4;
  DEVICE static float value(const u8* row, i64 i) { return reinterpret_cast<const float*>(row)[i]; }
};
struct Float16 {
  static constexpr i64 kBlock = 1, kBytes = 2;
  DEVICE static float value(const u8* row, i64 i) { return to_float(reinterpret_cast<const Half*>(row)[i]); }
};
struct Bfloat16 {
  static constexpr i64 kBlock = 1, kBytes = 2;
  DEVICE static float value(const u8* row, i64 i) { return to_float(reinterpret_cast<const Bfloat*>(row)[i]); }
};
// 32 values in 34 bytes: a float16 scale, then int8.
struct Q8_0 {
  static constexpr i64 kBlock = 32, kBytes = 34;
  DEVICE static float value(const u8* row, i64 i) {
    const u8* block = row + i / kBlock * kBytes;
    return static_cast<float>(static_cast<signed char>(block[2 + i % kBlock])) *
           to_float(*reinterpret_cast<const Half*>(block));
  }
};
// 32 values in 18 bytes: a float16 scale, then nibbles, value i low in byte i, value 16 + i high in it; (q - 8) * scale.
struct Q4_0 {
  static constexpr i64 kBlock = 32, kBytes = 18;
  DEVICE static float value(const u8* row, i64 i) {
    const u8* block = row + i / kBlock * kBytes;
    const i64 j = i % kBlock;
    const int q = block[2 + j % 16] >> (j / 16 * 4) & 15;
    return static_cast<float>(q - 8) * to_float(*reinterpret_cast<const Half*>(block));
  }
};

// Rounds as one int8 step of the 32 values that a warp holds: step = largest / 127.
DEVICE float as_int8(float value) {
  const float step = warp_max(fabsf(value)) / 127.0f;
  return step > 0 ? rintf(value / step) * step : 0.0f;
}

template <class W, class T>
DEVICE void linear(const T* x,   // (m, k)
                   const u8* w,  // (n, k / kBlock, kBytes)
                   T* y,         // (m, n)
                   const LinearSize& s) {
  const i64 warps = blockDim.x / 32;
  for (i64 row = blockIdx.y; row < s.m; row += gridDim.y)
    for (i64 column = blockIdx.x * warps + warp_id(); column < s.n; column += gridDim.x * warps) {
      const u8* weights = w + column * (s.k / W::kBlock) * W::kBytes;
      float sum = 0;
      for (i64 i = lane_id(); i < s.k; i += 32) {
        const float value = to_float(x[row * s.k + i]);
        sum += (s.int8 ? as_int8(value) : value) * W::value(weights, i);
      }
      sum = warp_sum(sum);
      if (lane_id() == 0) store(y + row * s.n + column, sum);
    }
}

}  // namespace

KERNEL(linear_float32_float32)(const float* x, const u8* w, float* y, LinearSize s) { linear<Float32>(x, w, y, s); }
KERNEL(linear_float32_float16)(const Half* x, const u8* w, Half* y, LinearSize s) { linear<Float32>(x, w, y, s); }
KERNEL(linear_float32_bfloat16)(const Bfloat* x, const u8* w, Bfloat* y, LinearSize s) { linear<Float32>(x, w, y, s); }
KERNEL(linear_float16_float32)(const float* x, const u8* w, float* y, LinearSize s) { linear<Float16>(x, w, y, s); }
KERNEL(linear_float16_float16)(const Half* x, const u8* w, Half* y, LinearSize s) { linear<Float16>(x, w, y, s); }
KERNEL(linear_float16_bfloat16)(const Bfloat* x, const u8* w, Bfloat* y, LinearSize s) { linear<Float16>(x, w, y, s); }
KERNEL(linear_bfloat16_float32)(const float* x, const u8* w, float* y, LinearSize s) { linear<Bfloat16>(x, w, y, s); }
KERNEL(linear_bfloat16_float16)(const Half* x, const u8* w, Half* y, LinearSize s) { linear<Bfloat16>(x, w, y, s); }
KERNEL(linear_bfloat16_bfloat16)(const Bfloat* x, const u8* w, Bfloat* y, LinearSize s) {
  linear<Bfloat16>(x, w, y, s);
}
KERNEL(linear_q8_0_float32)(const float* x, const u8* w, float* y, LinearSize s) { linear<Q8_0>(x, w, y, s); }
KERNEL(linear_q8_0_float16)(const Half* x, const u8* w, Half* y, LinearSize s) { linear<Q8_0>(x, w, y, s); }
KERNEL(linear_q8_0_bfloat16)(const Bfloat* x, const u8* w, Bfloat* y, LinearSize s) { linear<Q8_0>(x, w, y, s); }
KERNEL(linear_q4_0_float32)(const float* x, const u8* w, float* y, LinearSize s) { linear<Q4_0>(x, w, y, s); }
KERNEL(linear_q4_0_float16)(const Half* x, const u8* w, Half* y, LinearSize s) { linear<Q4_0>(x, w, y, s); }
KERNEL(linear_q4_0_bfloat16)(const Bfloat* x, const u8* w, Bfloat* y, LinearSize s) { linear<Q4_0>(x, w, y, s); }
