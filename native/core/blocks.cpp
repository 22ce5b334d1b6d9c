#include "core/blocks.h"

#include <cstring>

#include "core/parallel.h"

namespace lophi {
namespace {

constexpr int kUnit = 32;  // values that are taken apart at a time

using Row = std::array<uint8_t*, kSections>;

uint64_t word_at(const uint8_t* from) {
  uint64_t word;
  std::memcpy(&word, from, 8);
  return word;
}

// Eight levels of `Bits` bits, one a byte, into Bits bytes. Words are little-endian: the first level is the lowest.
template <int Bits>
void join8(const uint8_t* from, uint8_t* to) {
  uint64_t x = word_at(from);
  if constexpr (Bits == 4) {
    x = (x | x >> 4) & 0x00ff00ff00ff00ff;
    x = (x | x >> 8) & 0x0000ffff0000ffff;
    x |= x >> 16;
  } else if constexpr (Bits == 2) {
    x = (x | x >> 6) & 0x000f000f000f000f;
    x = (x | x >> 12) & 0x000000ff000000ff;
    x |= x >> 24;
  } else if constexpr (Bits == 1) {
    x = (x | x >> 7) & 0x0003000300030003;
    x = (x | x >> 14) & 0x0000000f0000000f;
    x |= x >> 28;
  }
  std::memcpy(to, &x, Bits);
}

// `Count` levels, one a byte.
template <int Bits, int Count>
void join(const uint8_t (&from)[Count], uint8_t* to) {
  static_assert(Count % 8 == 0);
  for (int i = 0; i < Count / 8; ++i) join8<Bits>(from + 8 * i, to + i * Bits);
}

// 16 bytes: the low nibbles are the first half of a unit.
void split_nibbles(const uint8_t* from, uint8_t (&low)[kUnit]) {
  for (int i = 0; i < 16; ++i) {
    low[i] = from[i] & 15;
    low[i + 16] = from[i] >> 4;
  }
}

// Block `b` of a row in one of the formats of 32 values.
template <WeightFormat W>
void read_block32(const uint8_t* from, int64_t b, const Row& to) {
  std::memcpy(to[kScales] + 2 * b, from, 2);
  from += 2;
  if constexpr (W == WeightFormat::kQ4_1 || W == WeightFormat::kQ5_1) {
    std::memcpy(to[kShifts] + 2 * b, from, 2);
    from += 2;
  }
  if constexpr (W == WeightFormat::kQ8_0) {
    uint8_t* q = to[kLow] + kUnit * b;
    for (int i = 0; i < kUnit; ++i) q[i] = from[i] ^ 0x80;
  } else {
    if constexpr (W == WeightFormat::kQ5_0 || W == WeightFormat::kQ5_1) {
      std::memcpy(to[kHigh] + 4 * b, from, 4);
      from += 4;
    }
    uint8_t low[kUnit];
    split_nibbles(from, low);
    join<4>(low, to[kLow] + 16 * b);
  }
}

// The twelve bytes of 6-bit scales and minima of q4_k and q5_k.
void read_scales(const uint8_t* s, int64_t b, const Row& to) {
  uint8_t scales[8], minima[8], low[8], high[8];
  for (int g = 0; g < 8; ++g) {
    scales[g] = static_cast<uint8_t>(g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4);
    minima[g] = static_cast<uint8_t>(g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4);
  }
  const auto put = [&](const uint8_t* levels, Section lower, Section upper) {
    for (int g = 0; g < 8; ++g) {
      low[g] = levels[g] & 15;
      high[g] = levels[g] >> 4;
    }
    join<4>(low, to[lower] + 4 * b);
    join<2>(high, to[upper] + 2 * b);
  };
  put(scales, kScaleLow, kScaleHigh);
  put(minima, kShiftLow, kShiftHigh);
}

// Block `b` of a row in one of the formats of 256 values.
template <WeightFormat W>
void read_block256(const uint8_t* from, int64_t b, const Row& to) {
  constexpr bool kTwoBits = W == WeightFormat::kQ2K || W == WeightFormat::kQ3K;
  uint8_t* low = to[kLow] + b * (kTwoBits ? 64 : 128);
  const auto floats = [&](int scale, int minimum) {
    std::memcpy(to[kScales] + 2 * b, from + scale, 2);
    if (minimum >= 0) std::memcpy(to[kShifts] + 2 * b, from + minimum, 2);
  };
  uint8_t q[kUnit], h[kUnit];
  if constexpr (W == WeightFormat::kQ2K) {
    floats(80, 82);
    uint8_t scales[16], minima[16];
    for (int j = 0; j < 16; ++j) {
      scales[j] = from[j] & 15;
      minima[j] = from[j] >> 4;
    }
    join<4>(scales, to[kScaleLow] + 8 * b);
    join<4>(minima, to[kShiftLow] + 8 * b);
    for (int g = 0; g < 8; ++g) {
      const uint8_t* qs = from + 16 + g / 4 * 32;
      for (int i = 0; i < kUnit; ++i) q[i] = qs[i] >> (2 * (g % 4)) & 3;
      join<2>(q, low + 8 * g);
    }
  } else if constexpr (W == WeightFormat::kQ3K) {
    floats(108, -1);
    uint8_t scales[16], highs[16];
    const uint8_t* s = from + 96;
    for (int j = 0; j < 16; ++j) {
      scales[j] = static_cast<uint8_t>(j < 8 ? s[j] & 15 : s[j - 8] >> 4);
      highs[j] = s[8 + j % 4] >> (2 * (j / 4)) & 3;
    }
    join<4>(scales, to[kScaleLow] + 8 * b);
    join<2>(highs, to[kScaleHigh] + 4 * b);
    for (int g = 0; g < 8; ++g) {
      const uint8_t* qs = from + 32 + g / 4 * 32;
      for (int i = 0; i < kUnit; ++i) {
        q[i] = qs[i] >> (2 * (g % 4)) & 3;
        h[i] = from[i] >> g & 1;
      }
      join<2>(q, low + 8 * g);
      join<1>(h, to[kHigh] + 32 * b + 4 * g);
    }
  } else if constexpr (W == WeightFormat::kQ4K || W == WeightFormat::kQ5K) {
    floats(0, 2);
    read_scales(from + 4, b, to);
    for (int g = 0; g < 8; ++g) {
      const uint8_t* qs = from + (W == WeightFormat::kQ4K ? 16 : 48) + g / 2 * 32;
      for (int i = 0; i < kUnit; ++i) q[i] = qs[i] >> (4 * (g % 2)) & 15;
      join<4>(q, low + 16 * g);
      if constexpr (W == WeightFormat::kQ5K) {
        for (int i = 0; i < kUnit; ++i) h[i] = from[16 + i] >> g & 1;
        join<1>(h, to[kHigh] + 32 * b + 4 * g);
      }
    }
  } else if constexpr (W == WeightFormat::kQ6K) {
    floats(208, -1);
    for (int j = 0; j < 16; ++j) to[kScaleLow][16 * b + j] = from[192 + j] ^ 0x80;
    for (int g = 0; g < 8; ++g) {
      const uint8_t *ql = from + 64 * (g / 4) + 32 * (g % 2), *qh = from + 128 + 32 * (g / 4);
      for (int i = 0; i < kUnit; ++i) {
        q[i] = ql[i] >> (4 * (g % 4 / 2)) & 15;
        h[i] = qh[i] >> (2 * (g % 4)) & 3;
      }
      join<4>(q, low + 16 * g);
      join<2>(h, to[kHigh] + 64 * b + 8 * g);
    }
  } else {
    static_assert(W == WeightFormat::kIq4Xs);
    floats(0, -1);
    // scales: four bits of two groups a byte, then two of eight groups in two bytes: planes already
    std::memcpy(to[kScaleLow] + 4 * b, from + 4, 4);
    std::memcpy(to[kScaleHigh] + 2 * b, from + 2, 2);
    for (int g = 0; g < 8; ++g) {
      split_nibbles(from + 8 + 16 * g, q);
      join<4>(q, low + 16 * g);
    }
  }
}

template <WeightFormat W>
void read_rows(const WeightPart& part, int64_t columns, int64_t first, int64_t count, const Band& to) {
  constexpr FormatInfo kInfo = info_of(W);
  const size_t stride = row_bytes(W, columns);
  constexpr int64_t kRows = 64;
  parallel((count + kRows - 1) / kRows, [&](int64_t piece) {
    for (int64_t n = piece * kRows; n < std::min(count, (piece + 1) * kRows); ++n) {
      const auto* from = reinterpret_cast<const uint8_t*>(part.data.data) + static_cast<size_t>(first + n) * stride;
      Row row{};
      for (size_t s = 0; s < kSections; ++s)
        if (to[s].data) row[s] = to[s].data + static_cast<size_t>(n) * to[s].stride;
      for (int64_t b = 0; b < columns / kInfo.block; ++b, from += kInfo.bytes) {
        if constexpr (kInfo.block == 32)
          read_block32<W>(from, b, row);
        else
          read_block256<W>(from, b, row);
      }
    }
  });
}

// In the order of WeightFormat.
constexpr decltype(&read_blocks) kReaders[] = {
    nullptr,
    nullptr,
    nullptr,
    read_rows<WeightFormat::kQ8_0>,
    read_rows<WeightFormat::kQ4_0>,
    read_rows<WeightFormat::kQ4_1>,
    read_rows<WeightFormat::kQ5_0>,
    read_rows<WeightFormat::kQ5_1>,
    read_rows<WeightFormat::kQ2K>,
    read_rows<WeightFormat::kQ3K>,
    read_rows<WeightFormat::kQ4K>,
    read_rows<WeightFormat::kQ5K>,
    read_rows<WeightFormat::kQ6K>,
    read_rows<WeightFormat::kIq4Nl>,
    read_rows<WeightFormat::kIq4Xs>,
    nullptr,
    nullptr,
};
static_assert(std::size(kReaders) == kWeightFormatCount);

}  // namespace

void read_blocks(const WeightPart& part, int64_t columns, int64_t first, int64_t count, const Band& to) {
  kReaders[static_cast<size_t>(part.format)](part, columns, first, count, to);
}

}  // namespace lophi
