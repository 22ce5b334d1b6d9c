// The canonical form of a weight's rows: what every format and packing comes down to, without loss and without growing.
// A backend reads rows in this form (core/rows.h) and gives them a tile order of its own.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/part.h"

namespace lophi {

// Levels of a few bits: the low ones of each in a plane of 1, 2, 4 or 8 bits, what is left in a second one: 5 is 4 + 1, 6 is
// 4 + 2, 3 is 2 + 1. In a plane level i of a row stands at bit i * bits, the lowest bit of a byte first.
struct Levels {
  uint8_t low = 0, high = 0;  // bits of a level in each plane; 0: no such plane
};

// What is added to, or taken from, a level times its scale.
enum class Shift : uint8_t {
  kNone,
  kZeros,       // (q - z) * scale, z of a few bits for every group
  kFloatZeros,  // (q - z) * scale, z of scale_type for every group
  kOffsets,     // q * scale + o, o of scale_type for every group
  kMinima,      // q * scale - d * m: m of a few bits for every group, d of scale_type for every `super` groups
};

// How the values of a part are made. In kNone, (q - zero) * scale, or codebook[q] * scale. Where scale_levels are there, the
// scale of a group is s * (its own level - scale_zero), s of scale_type for every `super` groups.
struct Form {
  bool floats = false;           // values as they are, of `type`; nothing below counts
  DType type = DType::kFloat32;  // of the floats
  Levels levels;
  int zero = 0;
  const int8_t* codebook = nullptr;  // 16 values
  int64_t group = 0;                 // columns that share a scale
  DType scale_type = DType::kFloat16;
  int super = 1;
  Levels scale_levels;
  int scale_zero = 0;
  Shift shift = Shift::kNone;
  Levels shift_levels;
};

// Where the pieces of a row lie. Not every form has all of them.
enum Section {
  kLow,        // levels [K], or floats
  kHigh,       // the rest of the levels
  kScales,     // floats [K / group / super]
  kScaleLow,   // levels of scales [K / group]
  kScaleHigh,  //
  kShifts,     // floats [K / group / super]: zeros, offsets, what minima are multiplied by
  kShiftLow,   // zeros or minima [K / group]
  kShiftHigh,  //
  kSections
};

Form form_of(const WeightPart& part);

// Bytes of a row's section, 0 where the form has none. Unused bits of the last one are zero.
size_t section_bytes(const Form& form, Section section, int64_t columns);

// The sections of `rows` rows, one behind the other.
struct Layout {
  std::array<size_t, kSections> offset{}, stride{};  // bytes; a stride of 0: no such section
  size_t bytes = 0;                                  // of all
};
// Rows begin at multiples of `row_align`, sections at multiples of `align`.
Layout lay_out(const Form& form, int64_t rows, int64_t columns, size_t row_align, size_t align);

// The float32 values of one row, exactly as the CPU backend computes them. `row`: the first byte of each section.
void decode(const Form& form, const std::array<const uint8_t*, kSections>& row, int64_t columns, float* to);

}  // namespace lophi
