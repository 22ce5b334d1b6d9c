// Units of 32 weights as plain loops: what every format that isa_weights.inl does not read comes down to.
// Layouts: ggml's block formats.
#pragma once
#include "cpu/isa_weights.inl"

namespace lophi::cpu {
namespace {

// Values are scale * q + offset, with a scale and an offset for each half. Both products are exact in float32, so that
// fused or not they give the same. An offset of -0 changes nothing, not even the sign of a zero.
struct Unit {
  alignas(32) int8_t q[kUnit];
  float scale[2], offset[2];
};

LOPHI_INLINE void set_halves(Unit& u, float scale, float offset = -0.0f) {
  u.scale[0] = u.scale[1] = scale;
  u.offset[0] = u.offset[1] = offset;
}

// 16 bytes: low nibbles first; `high` is a bit more for each value.
LOPHI_INLINE void read_nibbles(const uint8_t* from, int8_t (&q)[kUnit], int minus = 0) {
  for (int i = 0; i < 16; ++i) {
    q[i] = static_cast<int8_t>((from[i] & 15) - minus);
    q[i + 16] = static_cast<int8_t>((from[i] >> 4) - minus);
  }
}
LOPHI_INLINE void read_five_bits(const uint8_t* from, uint32_t high, int8_t (&q)[kUnit], int minus) {
  for (int i = 0; i < 16; ++i) {
    q[i] = static_cast<int8_t>(((from[i] & 15) | (high >> i & 1) << 4) - static_cast<uint32_t>(minus));
    q[i + 16] = static_cast<int8_t>(((from[i] >> 4) | (high >> (i + 16) & 1) << 4) - static_cast<uint32_t>(minus));
  }
}

LOPHI_INLINE void read_table(const uint8_t* from, int8_t (&q)[kUnit]) {
  for (int i = 0; i < 16; ++i) {
    q[i] = kIq4Values[from[i] & 15];
    q[i + 16] = kIq4Values[from[i] >> 4];
  }
}

// Scale and minimum of unit g in the 12 bytes of 6-bit numbers of q4_k and q5_k.
LOPHI_INLINE void read_scales(const uint8_t* s, int g, const std::byte* block, Unit& u) {
  const int scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
  const int minimum = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4;
  set_halves(u, half1(block) * static_cast<float>(scale), -(half1(block + 2) * static_cast<float>(minimum)));
}

// Unit g of a block.
template <WeightFormat W>
LOPHI_INLINE void read_unit(const std::byte* block, int g, Unit& u) {
  const auto* b = reinterpret_cast<const uint8_t*>(block);
  if constexpr (W == WeightFormat::kQ8_0) {
    set_halves(u, half1(b));
    std::memcpy(u.q, b + 2, kUnit);
  } else if constexpr (W == WeightFormat::kQ4_0) {
    set_halves(u, half1(b));
    read_nibbles(b + 2, u.q, 8);
  } else if constexpr (W == WeightFormat::kQ4_1) {
    set_halves(u, half1(b), half1(b + 2));
    read_nibbles(b + 4, u.q);
  } else if constexpr (W == WeightFormat::kQ5_0) {
    set_halves(u, half1(b));
    read_five_bits(b + 6, read<uint32_t>(b + 2), u.q, 16);
  } else if constexpr (W == WeightFormat::kQ5_1) {
    set_halves(u, half1(b), half1(b + 2));
    read_five_bits(b + 8, read<uint32_t>(b + 4), u.q, 0);
  } else if constexpr (W == WeightFormat::kIq4Nl) {
    set_halves(u, half1(b));
    read_table(b + 2, u.q);
  } else if constexpr (W == WeightFormat::kQ2K) {
    for (int h = 0; h < 2; ++h) {
      u.scale[h] = half1(b + 80) * static_cast<float>(b[2 * g + h] & 15);
      u.offset[h] = -(half1(b + 82) * static_cast<float>(b[2 * g + h] >> 4));
    }
    const uint8_t* qs = b + 16 + g / 4 * 32;
    for (int i = 0; i < kUnit; ++i) u.q[i] = static_cast<int8_t>(qs[i] >> (2 * (g % 4)) & 3);
  } else if constexpr (W == WeightFormat::kQ3K) {
    const uint8_t* s = b + 96;
    for (int h = 0; h < 2; ++h) {
      const int j = 2 * g + h;
      const int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4, high = s[8 + j % 4] >> (2 * (j / 4)) & 3;
      u.scale[h] = half1(b + 108) * static_cast<float>((low | high << 4) - 32);
      u.offset[h] = -0.0f;
    }
    const uint8_t* qs = b + 32 + g / 4 * 32;
    for (int i = 0; i < kUnit; ++i)
      u.q[i] = static_cast<int8_t>((qs[i] >> (2 * (g % 4)) & 3) + (b[i] >> g & 1) * 4 - 4);
  } else if constexpr (W == WeightFormat::kQ4K) {
    read_scales(b + 4, g, block, u);
    const uint8_t* qs = b + 16 + g / 2 * 32;
    for (int i = 0; i < kUnit; ++i) u.q[i] = static_cast<int8_t>(qs[i] >> (4 * (g % 2)) & 15);
  } else if constexpr (W == WeightFormat::kQ5K) {
    read_scales(b + 4, g, block, u);
    const uint8_t *qh = b + 16, *qs = b + 48 + g / 2 * 32;
    for (int i = 0; i < kUnit; ++i) u.q[i] = static_cast<int8_t>((qs[i] >> (4 * (g % 2)) & 15) + (qh[i] >> g & 1) * 16);
  } else if constexpr (W == WeightFormat::kQ6K) {
    const int h = g / 4, k = g % 4;
    for (int half = 0; half < 2; ++half) {
      u.scale[half] = half1(b + 208) * static_cast<float>(static_cast<int8_t>(b[192 + 2 * g + half]));
      u.offset[half] = -0.0f;
    }
    const uint8_t *ql = b + 64 * h + 32 * (k % 2), *qh = b + 128 + 32 * h;
    for (int i = 0; i < kUnit; ++i)
      u.q[i] = static_cast<int8_t>((ql[i] >> (4 * (k / 2)) & 15) + (qh[i] >> (2 * k) & 3) * 16 - 32);
  } else {
    static_assert(W == WeightFormat::kIq4Xs);
    const int low = b[4 + g / 2] >> (4 * (g % 2)) & 15, high = read<uint16_t>(b + 2) >> (2 * g) & 3;
    set_halves(u, half1(b) * static_cast<float>((low | high << 4) - 32));
    read_table(b + 8 + 16 * g, u.q);
  }
}

// Rows of such a format: see UnitRows.
struct PlainRows {
  struct Chunk {
    WeightRows row;
    int64_t unit;
  };
  using Row = WeightRows;
  static constexpr int kChunkBytes = 0;  // to be asked for ahead
  WeightRows w;

  explicit PlainRows(const WeightRows& w) : w(w) {}
  LOPHI_INLINE Row row(int64_t index) const { return from_row(w, index); }
  LOPHI_INLINE void open(const Row& row, int64_t unit, int64_t, Chunk& to) const { to = {row, unit}; }
  static LOPHI_INLINE const std::byte* chunk(const Row& row, int64_t) { return row.data; }
};

template <WeightFormat W>
struct UnpackedBlocks : PlainRows {
  using PlainRows::PlainRows;
  static LOPHI_INLINE void unit(const Chunk& chunk, int u, F (&out)[kParts]) {
    constexpr int kUnits = info_of(W).block / kUnit;
    const int64_t index = chunk.unit + u;
    Unit unit;
    read_unit<W>(chunk.row.data + index / kUnits * info_of(W).bytes, static_cast<int>(index % kUnits), unit);
    for (int p = 0; p < kParts; ++p) {
      const int half = p * kLanes / 16;
      out[p] = fma(load_int8(unit.q + p * kLanes), set1(unit.scale[half]), set1(unit.offset[half]));
    }
  }
  static LOPHI_INLINE void unit(const Chunk& chunk, int u, int64_t, F (&out)[kParts]) { unit(chunk, u, out); }
};

template <int Bits>
struct UnpackedGroups : PlainRows {
  using PlainRows::PlainRows;
  static LOPHI_INLINE void unit(const Chunk& chunk, int u, F (&out)[kParts]) { unit(chunk, u, kUnit, out); }
  static LOPHI_INLINE void unit(const Chunk& chunk, int u, int64_t count, F (&out)[kParts]) {
    const WeightRows& w = chunk.row;
    const auto* q = reinterpret_cast<const uint8_t*>(w.data);
    float values[kUnit] = {};
    for (int64_t half = 0; half < count; half += 16) {  // no group is smaller, unless it is the only one
      const int64_t first = (chunk.unit + u) * kUnit + half, group = first / w.group;
      const float scale = float_at(w.scale_type, w.scales, group), zero = zero_at<Bits>(w, w.zeros, group);
      for (int64_t i = 0; i < 16 && half + i < count; ++i) {
        const int64_t k = first + i;
        const int level = Bits == 8 ? q[k] : q[k / 2] >> (k % 2 * 4) & 15;
        const auto q = static_cast<float>(level);
        values[half + i] = w.zero_type == ZeroType::kOffset ? q * scale + zero : (q - zero) * scale;
      }
    }
    for (int p = 0; p < kParts; ++p) out[p] = load(values + p * kLanes);
  }
};

template <class Body>
LOPHI_INLINE void with_group_rows(const WeightRows& w, Body body) {
  if (w.format == WeightFormat::kInt4) return body(Type<UnpackedGroups<4>>{});
  body(Type<UnpackedGroups<8>>{});
}

}  // namespace
}  // namespace lophi::cpu
