#include "cpu/int4.h"

#include "cpu/thread_scratch.h"

namespace lophi::cpu {

void dequantize_row(const Isa& isa, const Int4Matrix& w, int64_t n, int64_t k, float* to) {
  const int64_t blocks = w.scales.dim(1), half = w.block / 2;
  std::vector<float>& buffer = thread_scratch().row;
  const float* scales = float_row(isa, w.scales, n * blocks, blocks, buffer);
  const std::byte* zeros = w.zeros ? data_of(*w.zeros) + n * w.zeros->dim(1) : nullptr;
  for (int64_t b = 0; b < blocks; ++b) {
    const auto* q = reinterpret_cast<const uint8_t*>(data_of(w.b)) + (n * blocks + b) * half;
    const float scale = scales[b];
    const int zero = zeros ? get_nibble(zeros, b) : 8;
    const int64_t first = b * w.block, count = std::min(w.block, k - first);
    for (int64_t j = 0; j + 1 < count; j += 2) {
      to[first + j] = static_cast<float>((q[j / 2] & 15) - zero) * scale;
      to[first + j + 1] = static_cast<float>((q[j / 2] >> 4) - zero) * scale;
    }
    if (count % 2) to[first + count - 1] = static_cast<float>((q[count / 2] & 15) - zero) * scale;
  }
}

}  // namespace lophi::cpu
