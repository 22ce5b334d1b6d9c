// Quantised weights as units of 32 bytes in 256-bit registers, chunks of eight units with their scales. A unit's value is
// scale * (q - minus) + offset, scale and offset per unit or half.
#pragma once
#include "cpu/isa_block256.inl"
#include "cpu/isa_weights.inl"

namespace lophi::cpu {
namespace {

// Of a chunk's units, or of their halves.
struct Scales {
  alignas(64) float scale[2 * kChunk], offset[2 * kChunk];
};

struct UnitKind {
  int top;       // q is in [0, top], or signed when 0
  int minus;     // as above
  int halves;    // scales and offsets of a unit: 1, or 2 for 16 values each
  bool offsets;  // whether any is not 0
  constexpr bool is_signed() const { return top == 0; }
};
constexpr UnitKind kind_of(WeightFormat format) {
  constexpr UnitKind kSigned = {0, 0, 1, false};
  switch (format) {
    case WeightFormat::kQ4_0:
      return {15, 8, 1, false};
    case WeightFormat::kQ4_1:
    case WeightFormat::kQ4K:
      return {15, 0, 1, true};
    case WeightFormat::kQ5_0:
      return {31, 16, 1, false};
    case WeightFormat::kQ5_1:
    case WeightFormat::kQ5K:
      return {31, 0, 1, true};
    case WeightFormat::kQ2K:
      return {3, 0, 2, true};
    case WeightFormat::kQ3K:
      return {7, 4, 2, false};
    case WeightFormat::kQ6K:
      return {63, 32, 2, false};
    default:
      return kSigned;
  }
}

// The scales or offsets of unit u in its eight lanes, of which each half sums over a half of the unit.
template <int Halves>
LOPHI_INLINE F8 spread8(const float* values, int u) {
  if constexpr (Halves == 1) {
    return set8(values[u]);
  } else {
    const F8 pair = _mm256_castpd_ps(_mm256_broadcast_sd(reinterpret_cast<const double*>(values + 2 * u)));
    return _mm256_permutevar_ps(pair, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
  }
}

// ---- values of a unit

// Bits [shift, shift + width of mask) of 32 bytes.
LOPHI_INLINE __m256i bits256(const std::byte* p, int shift, int8_t mask) {
  return _mm256_and_si256(_mm256_srl_epi16(load256(p), _mm_cvtsi32_si128(shift)), _mm256_set1_epi8(mask));
}
// 16 where one of 32 bits is set.
LOPHI_INLINE __m256i fifth_bits256(const std::byte* p) {
  const __m256i order = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(read<int32_t>(p)), order);
  const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit), _mm256_set1_epi8(16));
}
LOPHI_INLINE __m256i iq4_256(const std::byte* p) {
  const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kIq4Values));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), nibbles256(p));
}
// 16 bytes of nibbles whose values are neighbours.
LOPHI_INLINE __m256i pairs256(const std::byte* p) {
  const __m256i bytes = _mm256_cvtepu8_epi16(load128(p));
  return _mm256_and_si256(_mm256_or_si256(bytes, _mm256_slli_epi16(bytes, 4)), _mm256_set1_epi8(15));
}

// Unit g of a block: see read_unit.
template <WeightFormat W>
LOPHI_INLINE __m256i load_values(const std::byte* b, int g) {
  if constexpr (W == WeightFormat::kQ8_0) {
    return load256(b + 2);
  } else if constexpr (W == WeightFormat::kQ4_0) {
    return nibbles256(b + 2);
  } else if constexpr (W == WeightFormat::kQ4_1) {
    return nibbles256(b + 4);
  } else if constexpr (W == WeightFormat::kQ5_0) {
    return _mm256_or_si256(nibbles256(b + 6), fifth_bits256(b + 2));
  } else if constexpr (W == WeightFormat::kQ5_1) {
    return _mm256_or_si256(nibbles256(b + 8), fifth_bits256(b + 4));
  } else if constexpr (W == WeightFormat::kIq4Nl) {
    return iq4_256(b + 2);
  } else if constexpr (W == WeightFormat::kIq4Xs) {
    return iq4_256(b + 8 + 16 * g);
  } else if constexpr (W == WeightFormat::kQ2K) {
    return bits256(b + 16 + g / 4 * 32, 2 * (g % 4), 3);
  } else if constexpr (W == WeightFormat::kQ3K) {
    const __m256i low = bits256(b + 32 + g / 4 * 32, 2 * (g % 4), 3);
    return _mm256_or_si256(low, _mm256_slli_epi16(bits256(b, g, 1), 2));
  } else if constexpr (W == WeightFormat::kQ4K) {
    return bits256(b + 16 + g / 2 * 32, 4 * (g % 2), 15);
  } else if constexpr (W == WeightFormat::kQ5K) {
    const __m256i low = bits256(b + 48 + g / 2 * 32, 4 * (g % 2), 15);
    return _mm256_or_si256(low, _mm256_slli_epi16(bits256(b + 16, g, 1), 4));
  } else {
    static_assert(W == WeightFormat::kQ6K);
    const __m256i low = bits256(b + g / 4 * 64 + g % 2 * 32, 4 * (g % 4 / 2), 15);
    return _mm256_or_si256(low, _mm256_slli_epi16(bits256(b + 128 + g / 4 * 32, 2 * (g % 4), 3), 4));
  }
}

// ---- scales of a block of 256

// Signed bytes times a factor.
LOPHI_INLINE void scale_bytes(__m128i bytes, float factor, float* to, int count) {
  for (int i = 0; i < count; i += 8, bytes = _mm_unpackhi_epi64(bytes, bytes))
    store8(to + i, mul8(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), set8(factor)));
}

template <WeightFormat W>
LOPHI_INLINE void load_scales(const std::byte* b, Scales& to) {
  constexpr uint32_t kLow2 = 0x03030303, kLow4 = 0x0f0f0f0f, kLow6 = 0x3f3f3f3f;
  const auto word = [](uint32_t x) LOPHI_INLINE_LAMBDA { return static_cast<int>(x); };
  if constexpr (W == WeightFormat::kQ2K) {
    const __m128i bytes = load128(b), low = _mm_set1_epi8(15);
    scale_bytes(_mm_and_si128(bytes, low), half1(b + 80), to.scale, 16);
    scale_bytes(_mm_and_si128(_mm_srli_epi16(bytes, 4), low), -half1(b + 82), to.offset, 16);
  } else if constexpr (W == WeightFormat::kQ3K) {
    const auto s0 = read<uint32_t>(b + 96), s1 = read<uint32_t>(b + 100), high = read<uint32_t>(b + 104);
    const __m128i bytes = _mm_setr_epi32(word((s0 & kLow4) | (high & kLow2) << 4),             // 0 to 3
                                         word((s1 & kLow4) | (high >> 2 & kLow2) << 4),        // 4 to 7
                                         word((s0 >> 4 & kLow4) | (high >> 4 & kLow2) << 4),   // 8 to 11
                                         word((s1 >> 4 & kLow4) | (high >> 6 & kLow2) << 4));  // 12 to 15
    scale_bytes(_mm_sub_epi8(bytes, _mm_set1_epi8(32)), half1(b + 108), to.scale, 16);
  } else if constexpr (W == WeightFormat::kQ4K || W == WeightFormat::kQ5K) {
    const auto s0 = read<uint32_t>(b + 4), s1 = read<uint32_t>(b + 8), s2 = read<uint32_t>(b + 12);
    const uint32_t scales = (s2 & kLow4) | (s0 >> 6 & kLow2) << 4, minima = (s2 >> 4 & kLow4) | (s1 >> 6 & kLow2) << 4;
    scale_bytes(_mm_setr_epi32(word(s0 & kLow6), word(scales), 0, 0), half1(b), to.scale, 8);
    scale_bytes(_mm_setr_epi32(word(s1 & kLow6), word(minima), 0, 0), -half1(b + 2), to.offset, 8);
  } else if constexpr (W == WeightFormat::kQ6K) {
    scale_bytes(load128(b + 192), half1(b + 208), to.scale, 16);
  } else {
    static_assert(W == WeightFormat::kIq4Xs);
    const __m256i low =
        _mm256_srlv_epi32(_mm256_set1_epi32(read<int32_t>(b + 4)), _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    const __m256i high =
        _mm256_srlv_epi32(_mm256_set1_epi32(read<uint16_t>(b + 2)), _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14));
    const __m256i both = _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi32(15)),
                                         _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(3)), 4));
    const F8 scales = _mm256_cvtepi32_ps(_mm256_sub_epi32(both, _mm256_set1_epi32(32)));
    store8(to.scale, mul8(scales, set8(half1(b))));
  }
}

// ---- sources: rows of a format, in chunks that begin at a unit divisible by kChunk; where a row ends within a chunk,
// the scales beyond it are left alone

template <WeightFormat W>
struct BlockRows {
  static constexpr bool kGrouped = false, kSubtracts = false;
  static constexpr UnitKind kKind = kind_of(W);
  static constexpr int kUnits = info_of(W).block / kUnit, kBytes = info_of(W).bytes;
  static constexpr int kChunkBytes = kChunk / kUnits * kBytes;
  using Row = const std::byte*;
  const std::byte* data;
  size_t stride;

  explicit BlockRows(const WeightRows& w) : data(w.data), stride(w.stride) {}
  LOPHI_INLINE Row row(int64_t index) const { return data + static_cast<size_t>(index) * stride; }
  static LOPHI_INLINE const std::byte* chunk(Row row, int64_t unit) { return row + unit / kUnits * kBytes; }
  // Asks for what is read `rows` rows later.
  LOPHI_INLINE void prefetch_chunk(Row row, int64_t unit, int rows) const {
    const std::byte* later = chunk(row, unit) + prefetch_distance(static_cast<size_t>(rows) * stride);
    for (int line = 0; line < kChunkBytes; line += 64) prefetch(later + line);
  }
  static LOPHI_INLINE __m256i values(const std::byte* chunk, int u) {
    return kUnits == 1 ? load_values<W>(chunk + u * kBytes, 0) : load_values<W>(chunk, u);
  }
  static LOPHI_INLINE void scales(Row row, int64_t unit, int count, Scales& to) {
    const std::byte* b = chunk(row, unit);
    if constexpr (kUnits > 1) {
      (void)count;
      load_scales<W>(b, to);
    } else {
      halves(b, count, to.scale);
      if constexpr (kKind.offsets) halves(b + 2, count, to.offset);
    }
  }

 private:
  // A float16 of each block.
  static LOPHI_INLINE void halves(const std::byte* b, int count, float* to) {
    const auto at = [&](int u) LOPHI_INLINE_LAMBDA { return read<int16_t>(b + u * kBytes); };
    if (count == kChunk)
      return store8(to, _mm256_cvtph_ps(_mm_setr_epi16(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7))));
    for (int u = 0; u < count; ++u) to[u] = half1(b + u * kBytes);
  }
};

// What a source of int4 or int8 makes of the zeros or offsets of its groups.
enum class Zeros {
  kNone,      // there are none: minus is the middle of the levels
  kOffset,    // what offset_at gives, to be added to (q - minus) * scale
  kSubtract,  // the zeros, to be subtracted from q before scaling, which is exact; minus is 0
  kAdd,       // the offsets of the file, to be added to q * scale; minus is 0
};

// int4 and int8; a group is a multiple of a unit, or of a half where there are Halves, or all columns.
template <WeightFormat W, Zeros Z, int Halves = 1>
struct GroupRows {
  static constexpr bool kGrouped = true, kSubtracts = Z == Zeros::kSubtract;
  static constexpr int kBits = W == WeightFormat::kInt4 ? 4 : 8, kUnitBytes = kUnit * kBits / 8;
  static constexpr bool kMinus = Z == Zeros::kNone || Z == Zeros::kOffset;
  static constexpr UnitKind kKind = !kMinus      ? UnitKind{kBits == 4 ? 15 : 255, 0, Halves, true}
                                    : kBits == 4 ? UnitKind{15, 8, Halves, Z == Zeros::kOffset}
                                                 : UnitKind{0, 0, Halves, Z == Zeros::kOffset};
  static constexpr int kChunkBytes = kChunk * kUnitBytes;
  struct Row {
    const std::byte *data, *scales, *zeros;
  };
  WeightRows w;
  int shift = 0;  // group = unit or half >> shift; all columns are one group, or groups are powers of two

  explicit GroupRows(const WeightRows& rows) : w(rows) {
    while (int64_t{kUnit / Halves} << shift < w.group) ++shift;
  }
  LOPHI_INLINE Row row(int64_t index) const {
    const WeightRows one = from_row(w, index);
    return {one.data, one.scales, one.zeros};
  }
  static LOPHI_INLINE const std::byte* chunk(Row row, int64_t unit) { return row.data + unit * kUnitBytes; }
  LOPHI_INLINE void prefetch_chunk(Row row, int64_t unit, int rows) const {
    const auto count = static_cast<size_t>(rows);
    const std::byte* later = chunk(row, unit) + prefetch_distance(count * w.stride);
    for (int line = 0; line < kChunkBytes; line += 64) prefetch(later + line);
    prefetch(row.scales + count * w.scale_stride + (unit * Halves >> shift) * bits_of(w.scale_type) / 8);
  }
  static LOPHI_INLINE __m256i values(const std::byte* chunk, int u) {
    if constexpr (kBits == 4) return pairs256(chunk + u * kUnitBytes);
    const __m256i bytes = load256(chunk + u * kUnitBytes);
    return kKind.is_signed() ? _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)) : bytes;
  }
  // Of which only `count` exist: what follows them may lie beyond the matrix.
  static LOPHI_INLINE __m256i some_values(const std::byte* chunk, int u, int64_t count) {
    alignas(32) std::byte some[kUnit] = {};
    std::memcpy(some, chunk + u * kUnitBytes, static_cast<size_t>((count * kBits + 7) / 8));
    return values(some, 0);
  }
  // Of `count` units or halves. A function of its own: inlined, its many paths cost the loops around it their registers.
  LOPHI_NO_INLINE void scales(Row row, int64_t unit, int count, Scales& to) const {
    constexpr float kMiddle = kBits == 4 ? 8.0f : 128.0f;
    const int64_t begin = unit * Halves, end = begin + count;
    for (int64_t first = begin, i = 0; first < end; first += 8, i += 8) {
      F8 scale, zero = set8(0);
      if (shift == 0 && end - first >= 8) {
        scale = floats8(row.scales, first);
        if constexpr (Z != Zeros::kNone) zero = zeros8(row.zeros, first);
      } else {
        int64_t group = first >> shift;
        const int64_t last = (smaller(end, first + 8) - 1) >> shift;
        scale = set8(float_at(w.scale_type, row.scales, group));
        if constexpr (Z != Zeros::kNone) zero = set8(zero_at<kBits>(w, row.zeros, group));
        for (++group; group <= last; ++group) {
          const int from = static_cast<int>((group << shift) - first);
          scale = replace8(scale, from, float_at(w.scale_type, row.scales, group));
          if constexpr (Z != Zeros::kNone) zero = replace8(zero, from, zero_at<kBits>(w, row.zeros, group));
        }
      }
      store8(to.scale + i, scale);
      if constexpr (Z == Zeros::kOffset)
        store8(to.offset + i, w.zero_type == ZeroType::kOffset ? fma8(set8(kMiddle), scale, zero)
                                                               : mul8(sub8(set8(kMiddle), zero), scale));
      if constexpr (!kMinus) store8(to.offset + i, zero);
    }
  }

 private:
  LOPHI_INLINE F8 floats8(const std::byte* from, int64_t index) const {
    if (w.scale_type == DType::kFloat32) return _mm256_loadu_ps(reinterpret_cast<const float*>(from) + index);
    const __m128i halves = load128(from + 2 * index);
    if (w.scale_type == DType::kFloat16) return _mm256_cvtph_ps(halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  // Zero points of eight groups from an even one on.
  LOPHI_INLINE F8 zeros8(const std::byte* from, int64_t group) const {
    if (is_float(w.zero_type)) return floats8(from, group);
    if constexpr (kBits == 8) {
      return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + group))));
    } else {
      const __m256i nibbles = _mm256_srlv_epi32(_mm256_set1_epi32(read<int32_t>(from + group / 2)),
                                                _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
      return _mm256_cvtepi32_ps(_mm256_and_si256(nibbles, _mm256_set1_epi32(15)));
    }
  }
};

// Calls body with the source of rows of int4 or int8.
template <int Halves, class Body>
LOPHI_INLINE void with_groups(const WeightRows& w, Body body) {
  constexpr WeightFormat kInt4 = WeightFormat::kInt4, kInt8 = WeightFormat::kInt8;
  const bool zeros = w.zero_type != ZeroType::kNone;
  if (w.format == kInt8)
    return zeros ? body(GroupRows<kInt8, Zeros::kOffset, Halves>(w)) : body(GroupRows<kInt8, Zeros::kNone, Halves>(w));
  zeros ? body(GroupRows<kInt4, Zeros::kOffset, Halves>(w)) : body(GroupRows<kInt4, Zeros::kNone, Halves>(w));
}

// Calls body with the source of quantised rows whose groups are no finer than a unit.
template <class Body>
LOPHI_INLINE void with_source(const WeightRows& w, Body body) {
  if (is_grouped(w.format)) return with_groups<1>(w, body);
  with_format<WeightFormat::kQ8_0, WeightFormat::kIq4Xs>(w.format, [&](auto f) { body(BlockRows<f.value>(w)); });
}

}  // namespace
}  // namespace lophi::cpu
