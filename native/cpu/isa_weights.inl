// Weights as the float kernels read them while they multiply: floats, q8_0 and q4_0. isa_units.inl has the other formats.
#pragma once
#include "cpu/isa_vec.inl"

namespace lophi::cpu {
namespace {

constexpr int kUnit = 32;               // values that are read at a time; a block of q8_0 and q4_0
constexpr int kParts = kUnit / kLanes;  // vectors of a unit

constexpr int unit_bytes(WeightFormat format) {
  return format == WeightFormat::kFloat32 ? 128
         : format == WeightFormat::kQ8_0  ? 34
         : format == WeightFormat::kQ4_0  ? 18
                                          : 64;
}
constexpr bool is_float(WeightFormat format) { return format <= WeightFormat::kBfloat16; }
// Bytes of a float format's value.
constexpr int value_bytes(WeightFormat format) { return unit_bytes(format) / kUnit; }

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
    for (int u = 0; u < kParts; ++u) {
      const std::byte* p = from + u * kLanes * value_bytes(W);
      const int64_t rest = count - u * kLanes;
      out[u] = rest >= kLanes ? load_weights<W>(p) : rest > 0 ? load_weights<W>(p, Tail{rest}) : zero();
    }
  } else {
    (void)count;
    load_unit<W>(from, out);
  }
}

template <WeightFormat W>
void dequantize_format(const std::byte* from, float* to, int64_t n) {
  F values[kParts];
  for (; n >= kUnit; n -= kUnit, from += unit_bytes(W), to += kUnit) {
    load_unit<W>(from, values);
    for (int u = 0; u < kParts; ++u) store(to + u * kLanes, values[u]);
  }
  if (n == 0) return;
  load_unit<W>(from, n, values);
  float rest[kUnit];
  for (int u = 0; u < kParts; ++u) store(rest + u * kLanes, values[u]);
  std::memcpy(to, rest, static_cast<size_t>(n) * sizeof(float));
}

template <WeightFormat W>
struct Format {
  static constexpr WeightFormat value = W;
};

constexpr bool is_direct(WeightFormat format) { return format <= WeightFormat::kQ4_0; }

// Calls body with the Format of a direct format.
template <class Body>
LOPHI_INLINE void with_format(WeightFormat format, Body body) {
  switch (format) {
    case WeightFormat::kFloat32:
      return body(Format<WeightFormat::kFloat32>{});
    case WeightFormat::kFloat16:
      return body(Format<WeightFormat::kFloat16>{});
    case WeightFormat::kBfloat16:
      return body(Format<WeightFormat::kBfloat16>{});
    case WeightFormat::kQ8_0:
      return body(Format<WeightFormat::kQ8_0>{});
    case WeightFormat::kQ4_0:
      return body(Format<WeightFormat::kQ4_0>{});
    default:
      return;
  }
}

}  // namespace
}  // namespace lophi::cpu
