// Weights as all inner loops meet them: rows of any format, read in units of 32 values. Floats, q8_0 and q4_0 go straight
// into vectors.
#pragma once
#include "cpu/isa_vec.inl"

namespace lophi::cpu {
namespace {

constexpr int kUnit = 32;               // values that are read at a time; a block of q8_0 and q4_0
constexpr int kParts = kUnit / kLanes;  // vectors of a unit
constexpr int kChunk = 8;  // units that share a look at their scales: a block of 256, or eight smaller ones

template <WeightFormat W>
struct Format {
  static constexpr WeightFormat value = W;
};

// Calls body with the Format that `format` is, of those from First to Last.
template <WeightFormat First, WeightFormat Last, class Body>
LOPHI_INLINE void with_format(WeightFormat format, Body body) {
  if (format == First) return body(Format<First>{});
  if constexpr (First != Last) with_format<static_cast<WeightFormat>(static_cast<int>(First) + 1), Last>(format, body);
}

template <class T>
struct Type {
  using type = T;
};

constexpr int unit_bytes(WeightFormat format) {
  return format == WeightFormat::kFloat32 ? 128
         : format == WeightFormat::kQ8_0  ? 34
         : format == WeightFormat::kQ4_0  ? 18
                                          : 64;
}
constexpr WeightFormat kLastDirect = WeightFormat::kQ4_0;  // formats up to this one are read in that way
constexpr bool is_float(WeightFormat format) { return format <= WeightFormat::kBfloat16; }
// Bytes of a float format's value.
constexpr int value_bytes(WeightFormat format) { return unit_bytes(format) / kUnit; }

LOPHI_INLINE WeightRows from_row(WeightRows w, int64_t row) {
  const auto r = static_cast<size_t>(row);
  w.data += r * w.stride;
  if (w.scales) w.scales += r * w.scale_stride;
  if (w.zeros) w.zeros += r * w.zero_stride;
  return w;
}

// How far ahead of its use a byte of w is asked for: as far as the rows that are read next, whose streams are too short
// for the processor to notice, but far enough for memory to answer.
LOPHI_INLINE size_t prefetch_distance(size_t next_rows) { return next_rows < 4096 ? 4096 : next_rows; }

// ---- numbers beside the values

constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

LOPHI_INLINE float float_at(DType dtype, const std::byte* from, int64_t index) {
  if (dtype == DType::kFloat32) return read<float>(from + 4 * index);
  if (dtype == DType::kFloat16) return half1(from + 2 * index);
  const uint32_t bits = static_cast<uint32_t>(read<uint16_t>(from + 2 * index)) << 16;
  return read<float>(&bits);
}

// The zero point or offset of a group of int4 or int8, from the zeros of its row.
template <int Bits>
LOPHI_INLINE float zero_at(const WeightRows& w, const std::byte* row, int64_t group) {
  if (is_float(w.zero_type)) return float_at(w.scale_type, row, group);
  if (w.zero_type == ZeroType::kNone) return Bits == 4 ? 8.0f : 128.0f;
  const auto* zeros = reinterpret_cast<const uint8_t*>(row);
  return static_cast<float>(Bits == 4 ? zeros[group / 2] >> (group % 2 * 4) & 15 : zeros[group]);
}

// What is added to (q - middle) * scale of a group, so that q fits into a byte with a sign.
template <int Bits>
LOPHI_INLINE float offset_at(const WeightRows& w, const std::byte* row, int64_t group, float scale) {
  constexpr float kMiddle = Bits == 4 ? 8.0f : 128.0f;
  const float zero = zero_at<Bits>(w, row, group);
  return w.zero_type == ZeroType::kOffset ? kMiddle * scale + zero : (kMiddle - zero) * scale;
}

// ---- units as floats

template <WeightFormat W, class Part = Full>
LOPHI_INLINE F load_weights(const std::byte* from, Part part = {}) {
  static_assert(is_float(W));
  if constexpr (W == WeightFormat::kFloat32) {
    return load(from, part);
  } else if constexpr (W == WeightFormat::kFloat16) {
    return load_half(from, part);
  } else {
    return load_bfloat(from, part);
  }
}

// The first `count` of kLanes values, then zeros.
template <WeightFormat W = WeightFormat::kFloat32>
LOPHI_INLINE F load_some(const void* from, int64_t count) {
  const auto* p = static_cast<const std::byte*>(from);
  return count >= kLanes ? load_weights<W>(p) : count > 0 ? load_weights<W>(p, Tail{count}) : zero();
}

template <WeightFormat W>
LOPHI_INLINE void load_unit(const std::byte* from, F (&out)[kParts]) {
  if constexpr (W == WeightFormat::kQ4_0) {
    load_nibbles(from + 2, set1_half(from), out);
  } else if constexpr (W == WeightFormat::kQ8_0) {
    const F scale = set1_half(from);
    for (int u = 0; u < kParts; ++u) out[u] = mul(scale, load_int8(from + 2 + u * kLanes));
  } else {
    for (int u = 0; u < kParts; ++u) out[u] = load_weights<W>(from + u * kLanes * value_bytes(W));
  }
}

// The first `count` values of a unit, then zeros; a block of a quantised format is always whole.
template <WeightFormat W>
LOPHI_INLINE void load_unit(const std::byte* from, int64_t count, F (&out)[kParts]) {
  if constexpr (is_float(W)) {
    for (int u = 0; u < kParts; ++u) out[u] = load_some<W>(from + u * kLanes * value_bytes(W), count - u * kLanes);
  } else {
    (void)count;
    load_unit<W>(from, out);
  }
}

// Rows as isa_unpack.inl reads them: a row's chunk is opened, then gives its units. Every format has such a source; this
// one is of those whose units need nothing from elsewhere.
template <WeightFormat W>
struct UnitRows {
  using Row = const std::byte*;
  using Chunk = const std::byte*;
  static constexpr int kChunkBytes = kChunk * unit_bytes(W);
  const std::byte* data;
  size_t stride;

  explicit UnitRows(const WeightRows& w) : data(w.data), stride(w.stride) {}
  LOPHI_INLINE Row row(int64_t index) const { return data + static_cast<size_t>(index) * stride; }
  static LOPHI_INLINE const std::byte* chunk(Row row, int64_t unit) { return row + unit * unit_bytes(W); }
  // From unit `unit`, a multiple of kChunk, on; `left` values of the row remain there.
  LOPHI_INLINE void open(Row row, int64_t unit, int64_t left, Chunk& to) const {
    (void)left;
    to = chunk(row, unit);
  }
  static LOPHI_INLINE void unit(Chunk chunk, int u, F (&out)[kParts]) { load_unit<W>(chunk + u * unit_bytes(W), out); }
  // One of which only `count` values exist; what follows them is finite where they are.
  static LOPHI_INLINE void unit(Chunk chunk, int u, int64_t count, F (&out)[kParts]) {
    load_unit<W>(chunk + u * unit_bytes(W), count, out);
  }
};

}  // namespace
}  // namespace lophi::cpu
