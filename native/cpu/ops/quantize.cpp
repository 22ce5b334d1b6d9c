#include <algorithm>
#include <cmath>

#include "cpu/layout.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

struct Block {
  float scale;
  int zero;
};

// Range of a block as 4 bits: see the schema's doc.
Block choose(const float* x, int64_t n, bool symmetric) {
  float low = 0, high = 0, largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    if (std::abs(x[i]) > std::abs(largest)) largest = x[i];
  }
  if (symmetric) return {largest / -8, 8};
  const float scale = (high - low) / 15;
  return {scale, scale ? static_cast<int>(std::clamp(std::nearbyint(-low / scale), 0.0f, 15.0f)) : 0};
}

}  // namespace

void quantize(Context& cpu, const Call& call) {
  const args::Quantize x(call);
  const int64_t k = x.x.dim(1), block = x.block_size, blocks = x.scales.dim(1), zero_bytes = x.zeros.dim(1);
  cpu.pool.run(x.x.dim(0), 1, [&](int64_t begin, int64_t end) {
    std::vector<float> in, scales(static_cast<size_t>(blocks));
    for (int64_t row = begin; row < end; ++row) {
      const float* from = float_row(cpu.isa, x.x, row * k, k, in);
      std::byte* zeros = data_of(x.zeros) + row * zero_bytes;
      std::byte* to = data_of(x.b) + row * blocks * (block / 2);
      std::memset(to, 0, static_cast<size_t>(blocks * (block / 2)));
      std::memset(zeros, 0, static_cast<size_t>(zero_bytes));
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t n = std::min(block, k - b * block);
        const auto [scale, zero] = choose(from + b * block, n, x.symmetric);
        scales[b] = scale;
        set_nibble(zeros, b, static_cast<uint8_t>(zero));
        for (int64_t j = 0; j < block; ++j) {
          const float q = j < n && scale ? from[b * block + j] / scale : 0;
          set_nibble(to + b * (block / 2), j,
                     static_cast<uint8_t>(std::clamp(std::nearbyint(q + static_cast<float>(zero)), 0.0f, 15.0f)));
        }
      }
      float* target = float_target(x.scales, row * blocks, blocks, in);
      std::ranges::copy(scales, target);  // of no blocks there is no address
      store_row(cpu.isa, x.scales, row * blocks, blocks, target);
    }
  });
}

}  // namespace lophi::cpu
