// Rounding of activations to int8: see Int8Rows.
#pragma once
#include "cpu/isa_block.inl"
#include "cpu/isa_weights.inl"

namespace lophi::cpu {
namespace {

// One row; a group with a NaN or an infinity gets the scale NaN, one below 2^-120 becomes zero.
void quantize_int8(const float* x, int64_t k, int8_t* values, float* scales, int32_t* sums) {
  for (int64_t b = 0; b < k / kUnit; ++b) {
    const int32_t bits = largest_bits(x + b * kUnit);
    const float largest = read<float>(&bits);
    if (bits >= 0x7f800000 || largest < 0x1p-120f) {
      std::memset(values + b * kUnit, 0, kUnit);
      write(scales + b, bits >= 0x7f800000 ? kNan : 0.0f);
      std::memset(sums + b * 2, 0, 2 * sizeof(int32_t));
    } else {
      round_int8(x + b * kUnit, 127.0f / largest, values + b * kUnit, sums + b * 2);
      write(scales + b, largest / 127.0f);
    }
  }
}

// The rows from row i on.
LOPHI_INLINE Int8Rows from_row(const Int8Rows& x, int64_t i, int64_t k) {
  return {x.values + i * k, x.scales + i * (k / 32), x.sums + i * (k / 16)};
}

}  // namespace
}  // namespace lophi::cpu
