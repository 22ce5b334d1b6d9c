// Values of weights in canonical form. The plain version: one value at a time.
#pragma once
#include "cuda/common.cuh"

namespace {

using lophi::cuda::WeightRows;

// The values of iq4_nl and iq4_xs: -127 -104 -83 -65 -49 -35 -22 -10 1 13 25 38 53 69 89 113, a byte each. In registers, where a
// table would be read from the stack.
DEVICE int codebook(int q) {
  const unsigned long long values = q < 8 ? 0xf6eaddcfbfad9881ull : 0x7159453526190d01ull;
  return static_cast<signed char>(values >> (q & 7) * 8);
}

DEVICE const u8* section(const WeightRows& w, int index, i64 row) { return w.data[index] + row * w.stride[index]; }

// Value i of a plane: 1, 2, 4 or 8 bits each, the lowest bits of a byte first.
DEVICE int bits_at(const u8* plane, int bits, i64 i) {
  const i64 at = i * bits;
  return plane[at / 8] >> at % 8 & ((1 << bits) - 1);
}
DEVICE int level_at(const WeightRows& w, int section_low, int low, int high, i64 row, i64 i) {
  const int level = bits_at(section(w, section_low, row), low, i);
  return high ? level | bits_at(section(w, section_low + 1, row), high, i) << low : level;
}

// The value at place k of a row, counted in the part.
DEVICE float weight_at(const WeightRows& w, i64 row, i64 k) {
  if (w.floats) return load(section(w, WeightRows::kLow, row), w.type, k);
  const int q = level_at(w, WeightRows::kLow, w.low, w.high, row, k);
  const i64 group = k / w.group, super = group / w.super;
  float scale = load(section(w, WeightRows::kScales, row), w.scale_type, super);
  if (w.scale_low)
    scale *=
        static_cast<float>(level_at(w, WeightRows::kScaleLow, w.scale_low, w.scale_high, row, group) - w.scale_zero);
  if (w.shift == WeightRows::kNone) return static_cast<float>(w.codebook ? codebook(q) : q - w.zero) * scale;
  float shift = w.shift_low
                    ? static_cast<float>(level_at(w, WeightRows::kShiftLow, w.shift_low, w.shift_high, row, group))
                    : load(section(w, WeightRows::kShifts, row), w.scale_type, super);
  if (w.shift == WeightRows::kMinima) shift *= -load(section(w, WeightRows::kShifts, row), w.scale_type, super);
  if (w.shift == WeightRows::kZeros || w.shift == WeightRows::kFloatZeros)
    return (static_cast<float>(q) - shift) * scale;
  return static_cast<float>(q) * scale + shift;
}

}  // namespace
