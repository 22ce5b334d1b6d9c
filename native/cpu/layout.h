// Moving elements of any dtype, 4-bit ones included.
#pragma once
#include "core/call.h"
#include "cpu/elements.h"

namespace lophi::cpu {

inline uint8_t get_nibble(const std::byte* data, int64_t index) {
  return static_cast<uint8_t>(data[index / 2]) >> (index % 2 * 4) & 15;
}
inline void set_nibble(std::byte* data, int64_t index, uint8_t value) {
  const int shift = static_cast<int>(index % 2 * 4);
  data[index / 2] =
      static_cast<std::byte>((static_cast<uint8_t>(data[index / 2]) & (0xf0 >> shift)) | (value & 15) << shift);
}

// `count` elements from index `from_at` of `from` to index `to_at` of `to`.
void copy_elements(DType dtype, const std::byte* from, int64_t from_at, std::byte* to, int64_t to_at, int64_t count);

// Pieces of a loop that writes `dtype`: neighbours of 4 bits share a byte, so such a loop stays on one thread.
inline int64_t grain_for(DType dtype, int64_t grain) {
  return bits_of(dtype) < 8 ? std::numeric_limits<int64_t>::max() : std::max<int64_t>(1, grain);
}

}  // namespace lophi::cpu
