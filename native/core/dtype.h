#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>

namespace lophi {

static_assert(std::endian::native == std::endian::little, "files and tensors are read as they lie");

// The order is that of `dtypes` in lib/dtype.ts. 4-bit types hold two elements a byte, low nibble first.
enum class DType : uint8_t { kFloat32, kFloat16, kBfloat16, kInt8, kUint8, kInt4, kUint4, kInt32, kUint32 };
inline constexpr int kDTypeCount = 9;

constexpr int bits_of(DType dtype) {
  constexpr int kBits[] = {32, 16, 16, 8, 8, 4, 4, 32, 32};
  return kBits[static_cast<int>(dtype)];
}

constexpr const char* name_of(DType dtype) {
  constexpr const char* kNames[] = {"float32", "float16", "bfloat16", "int8",  "uint8",
                                    "int4",    "uint4",   "int32",    "uint32"};
  return kNames[static_cast<int>(dtype)];
}

constexpr bool is_float(DType dtype) { return dtype <= DType::kBfloat16; }

constexpr size_t bytes_of(DType dtype, int64_t count) {
  return (static_cast<size_t>(count) * static_cast<size_t>(bits_of(dtype)) + 7) / 8;
}

}  // namespace lophi
