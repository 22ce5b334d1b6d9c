// Weights in tile order, and their values one at a time.
//
// A strip is 16 rows, g and g + 8 for g = 0 to 7 side by side. Its levels, or floats of 16 bits, lie in tiles of 64 columns, in
// which lane 4 g + t of a warp finds in its own words the operands of products of a warp (port.h):
//   levels: eight registers of four columns each, register 4 s + 2 h + i: row g + 8 i, columns 32 s + 16 h + 4 t on. In a plane of
//     b bits a lane has b words, a word 8 / b registers, side by side in each of its bytes; the words of a lane are neighbours (of 8
//     bits, four by four).
//   16 bits: four steps of 16 columns, of each four registers of two columns, register 2 h + i: row g + 8 i, columns 8 h + 2 t on.
// Floats of 32 bits: 16 rows of 64 columns. What groups have (scales, zeros, minima): of group 0 the rows 0, 8, 1, 9 ..., then of
// group 1.
#pragma once
#include "cuda/common.cuh"

namespace {

using lophi::cuda::WeightRows;

constexpr int kStripRows = 16, kTileColumns = 64;

// The bit of a strip at which level or float (row, k) of `bits` bits begins.
DEVICE i64 level_bit(int bits, int row, i64 k) {
  const int column = static_cast<int>(k % kTileColumns), g = row % 8, i = row / 8;
  const i64 tile = k / kTileColumns * kTileColumns * kStripRows * bits;
  if (bits == 32) return tile + (row * kTileColumns + column) * 32;
  if (bits == 16) {
    const int lane = g * 4 + column / 2 % 4, at = column / 8 % 2 * 2 + i;
    return tile + ((column / 16 * 32 + lane) * 4 + at) * 32 + column % 2 * 16;
  }
  const int lane = g * 4 + column / 4 % 4, at = column / 16 * 2 + i, fields = 8 / bits;
  const int word = at / fields, place = bits == 8 ? (word / 4 * 32 + lane) * 4 + word % 4 : lane * bits + word;
  return tile + place * 32 + column % 4 * 8 + at % fields * bits;
}
// The same of what groups have.
DEVICE i64 group_bit(int bits, int row, i64 group) { return ((group * 8 + row % 8) * 2 + row / 8) * bits; }

// The values of iq4_nl and iq4_xs: -127 -104 -83 -65 -49 -35 -22 -10 1 13 25 38 53 69 89 113, a byte each. In registers, where a
// table would be read from the stack.
DEVICE int codebook(int q) {
  const unsigned long long values = q < 8 ? 0xf6eaddcfbfad9881ull : 0x7159453526190d01ull;
  return static_cast<signed char>(values >> (q & 7) * 8);
}

DEVICE const u8* section(const WeightRows& w, int index, i64 row) {
  return w.data[index] + row / kStripRows * w.stride[index];
}

// 1, 2, 4 or 8 bits.
DEVICE int bits_at(const u8* plane, int bits, i64 bit) { return plane[bit / 8] >> bit % 8 & ((1 << bits) - 1); }

DEVICE int level_at(const WeightRows& w, i64 row, i64 k) {
  const int in = static_cast<int>(row % kStripRows);
  const int level = bits_at(section(w, WeightRows::kLow, row), w.low, level_bit(w.low, in, k));
  return w.high ? level | bits_at(section(w, WeightRows::kHigh, row), w.high, level_bit(w.high, in, k)) << w.low
                : level;
}
DEVICE int group_level_at(const WeightRows& w, int section_low, int low, int high, i64 row, i64 group) {
  const int in = static_cast<int>(row % kStripRows);
  const int level = bits_at(section(w, section_low, row), low, group_bit(low, in, group));
  return high ? level | bits_at(section(w, section_low + 1, row), high, group_bit(high, in, group)) << low : level;
}
DEVICE float group_float_at(const WeightRows& w, int index, i64 row, i64 group) {
  return load(section(w, index, row), w.scale_type, group_bit(1, static_cast<int>(row % kStripRows), group));
}

// How the values of a group are made of levels: q * scale + offset, but for zero points (q - offset) * scale.
struct Affine {
  float scale, offset;
};
DEVICE Affine affine_at(const WeightRows& w, i64 row, i64 group) {
  const i64 super = group / w.super;
  Affine made{group_float_at(w, WeightRows::kScales, row, super), 0};
  if (w.scale_low)
    made.scale *= static_cast<float>(group_level_at(w, WeightRows::kScaleLow, w.scale_low, w.scale_high, row, group) -
                                     w.scale_zero);
  if (w.shift == WeightRows::kNone) return made;
  made.offset =
      w.shift_low ? static_cast<float>(group_level_at(w, WeightRows::kShiftLow, w.shift_low, w.shift_high, row, group))
                  : group_float_at(w, WeightRows::kShifts, row, super);
  if (w.shift == WeightRows::kMinima) made.offset *= -group_float_at(w, WeightRows::kShifts, row, super);
  return made;
}

// The value at place k of a row, counted in the part.
DEVICE float weight_at(const WeightRows& w, i64 row, i64 k) {
  if (w.floats) {
    const int bits = w.type == kFloat32 ? 32 : 16;
    return load(section(w, WeightRows::kLow, row), w.type,
                level_bit(bits, static_cast<int>(row % kStripRows), k) / bits);
  }
  const int q = level_at(w, row, k);
  const Affine made = affine_at(w, row, k / w.group);
  if (w.shift == WeightRows::kNone) return static_cast<float>(w.codebook ? codebook(q) : q - w.zero) * made.scale;
  if (w.shift == WeightRows::kZeros || w.shift == WeightRows::kFloatZeros)
    return (static_cast<float>(q) - made.offset) * made.scale;
  return static_cast<float>(q) * made.scale + made.offset;
}

}  // namespace
