// Units of 32 bytes as floats.
#pragma once
#include "cpu/isa_formats256.inl"

namespace lophi::cpu {
namespace {

// Rows of a source of isa_formats256.inl: see UnitRows.
template <class Source>
struct UnpackedRows {
  using Levels = Source;
  static constexpr UnitKind kKind = Source::kKind;
  static constexpr int kChunkBytes = Source::kChunkBytes;
  using Row = typename Source::Row;
  struct Chunk {
    const std::byte* values;
    Scales scales;
  };
  Source source;

  explicit UnpackedRows(const WeightRows& w) : source(w) {}
  LOPHI_INLINE Row row(int64_t index) const { return source.row(index); }
  static LOPHI_INLINE const std::byte* chunk(Row row, int64_t unit) { return Source::chunk(row, unit); }
  LOPHI_INLINE void open(Row row, int64_t unit, int64_t left, Chunk& to) const {
    constexpr int64_t kColumns = kUnit / kKind.halves;  // that share a scale
    const int64_t count = smaller((left + kColumns - 1) / kColumns, int64_t{kChunk} * kKind.halves);
    if (count < kChunk * kKind.halves) to.scales = {};
    to.values = chunk(row, unit);
    source.scales(row, unit, static_cast<int>(count), to.scales);
  }
  static LOPHI_INLINE void unit(const Chunk& c, int u, F (&out)[kParts]) {
    unpack_bytes(c.scales, u, Source::values(c.values, u), out);
  }
  static LOPHI_INLINE void unit(const Chunk& c, int u, int64_t count, F (&out)[kParts]) {
    if constexpr (Source::kGrouped) {
      unpack_bytes(c.scales, u, Source::some_values(c.values, u, count), out);
    } else {
      unit(c, u, out);
    }
  }

 private:
  static LOPHI_INLINE void unpack_bytes(const Scales& scales, int u, __m256i bytes, F (&out)[kParts]) {
    if constexpr (kKind.minus) bytes = _mm256_sub_epi8(bytes, _mm256_set1_epi8(kKind.minus));
    to_floats<kKind.minus != 0 || kKind.is_signed()>(bytes, out);
    for (int p = 0; p < kParts; ++p) {
      const int at = kKind.halves * u + (kKind.halves == 2 ? p * kLanes / 16 : 0);
      const F scale = set1(scales.scale[at]);
      if constexpr (!kKind.offsets) {
        out[p] = mul(out[p], scale);
      } else if constexpr (Source::kSubtracts) {
        out[p] = mul(sub(out[p], set1(scales.offset[at])), scale);
      } else {
        out[p] = fma(out[p], scale, set1(scales.offset[at]));
      }
    }
  }
};

template <WeightFormat W>
using UnpackedBlocks = UnpackedRows<BlockRows<W>>;

template <class Body>
LOPHI_INLINE void with_group_rows(const WeightRows& w, Body body) {
  const auto with_halves = [&](auto format, auto halves) LOPHI_INLINE_LAMBDA {
    constexpr WeightFormat kFormat = format.value;
    constexpr int kHalves = halves.value;
    const auto rows = [&](auto zeros) LOPHI_INLINE_LAMBDA {
      body(Type<UnpackedRows<GroupRows<kFormat, static_cast<Zeros>(zeros.value), kHalves>>>{});
    };
    if (w.zero_type == ZeroType::kNone) return rows(Count<static_cast<int>(Zeros::kNone)>{});
    if (w.zero_type == ZeroType::kOffset) return rows(Count<static_cast<int>(Zeros::kAdd)>{});
    rows(Count<static_cast<int>(Zeros::kSubtract)>{});
  };
  const auto with_bits = [&](auto format) LOPHI_INLINE_LAMBDA {
    if (w.group == kUnit / 2) return with_halves(format, Count<2>{});
    with_halves(format, Count<1>{});
  };
  if (w.format == WeightFormat::kInt4) return with_bits(Format<WeightFormat::kInt4>{});
  with_bits(Format<WeightFormat::kInt8>{});
}

}  // namespace
}  // namespace lophi::cpu
