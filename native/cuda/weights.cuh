// Weights in the layouts of their files: rows of blocks. A format gives value i of a row.
#pragma once
#include "cuda/common.cuh"

// The numbers of core/weight.h.
enum WeightFormat { kFormatFloat32, kFormatFloat16, kFormatBfloat16, kFormatQ8_0, kFormatQ4_0 };

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
