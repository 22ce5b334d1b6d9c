#pragma once
#include <bit>
#include <cstddef>

#include "core/tables.gen.h"

namespace lophi {

static_assert(std::endian::native == std::endian::little, "files and tensors are read as they lie");

constexpr bool is_float(DType dtype) { return dtype <= DType::kBfloat16; }

constexpr size_t bytes_of(DType dtype, int64_t count) {
  return (static_cast<size_t>(count) * static_cast<size_t>(bits_of(dtype)) + 7) / 8;
}

}  // namespace lophi
