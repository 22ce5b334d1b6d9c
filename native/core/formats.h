// Storage formats of weights; what each looks like is said in lib/formats/weight-formats.ts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/tables.gen.h"

namespace lophi {

// Whether groups of any size share a scale, which lies beside the data.
constexpr bool is_grouped(WeightFormat format) { return format >= WeightFormat::kInt4; }
// Whether zeros are floats of the scales' type.
constexpr bool is_float(ZeroType type) { return type >= ZeroType::kFloat; }
// Of every format but int4 and int8.
constexpr size_t row_bytes(WeightFormat format, int64_t columns) {
  const FormatInfo info = info_of(format);
  return static_cast<size_t>(columns / info.block) * static_cast<size_t>(info.bytes);
}

// Whether activations of `columns` values may be rounded to int8 per 32 for rows in this format: quantised, and in groups no
// finer than those of the activations, whose rounding would else outweigh that of the weights. `group`: of int4 and int8.
constexpr bool takes_int8(WeightFormat format, int64_t group, int64_t columns) {
  if (format <= WeightFormat::kBfloat16 || columns % 32 != 0) return false;
  return !is_grouped(format) || group % 32 == 0;
}

}  // namespace lophi
