// y = x · wᵀ + bias for a weight in its file's layout. A warp per output, its lanes side by side along k; rows of x by grid.y.
// The plain version: reads w once per row of x.
#include "cuda/common.cuh"

namespace {

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
