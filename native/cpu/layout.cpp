#include "cpu/layout.h"

namespace lophi::cpu {

void copy_elements(DType dtype, const std::byte* from, int64_t from_at, std::byte* to, int64_t to_at, int64_t count) {
  if (count <= 0) return;
  if (bits_of(dtype) >= 8) {
    const int64_t size = bits_of(dtype) / 8;
    std::memcpy(to + to_at * size, from + from_at * size, static_cast<size_t>(count * size));
    return;
  }
  if (from_at % 2 == 0 && to_at % 2 == 0) {
    std::memcpy(to + to_at / 2, from + from_at / 2, static_cast<size_t>(count / 2));
    if (count % 2) set_nibble(to, to_at + count - 1, get_nibble(from, from_at + count - 1));
    return;
  }
  for (int64_t i = 0; i < count; ++i) set_nibble(to, to_at + i, get_nibble(from, from_at + i));
}

}  // namespace lophi::cpu
