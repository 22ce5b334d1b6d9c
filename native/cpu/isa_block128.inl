// Rounding of a block of 32 activations, as plain loops.
#pragma once
#include "cpu/isa_vec128.inl"
#include "cpu/isa_weights.inl"

namespace lophi::cpu {
namespace {

// max |x| of 32 floats, as bits: NaN is larger than every number.
LOPHI_INLINE int32_t largest_bits(const float* x) {
  int32_t top = 0;
  for (int i = 0; i < kUnit; ++i) {
    const int32_t bits = read<int32_t>(x + i) & 0x7fffffff;
    top = bits > top ? bits : top;
  }
  return top;
}

// values = x * factor to the nearest even, and the sums of their halves.
LOPHI_INLINE void round_int8(const float* x, float factor, int8_t* values, int32_t* sums) {
  for (int half = 0; half < 2; ++half) {
    int32_t total = 0;
    for (int i = 16 * half; i < 16 * half + 16; ++i) {
      values[i] = static_cast<int8_t>(round1(read<float>(x + i) * factor));
      total += values[i];
    }
    write(sums + half, total);
  }
}

}  // namespace
}  // namespace lophi::cpu
