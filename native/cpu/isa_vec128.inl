// Vectors of 4 floats as plain loops: any processor runs them, and a compiler may use its baseline's registers.
#pragma once
#include "cpu/isa_common.inl"

namespace lophi::cpu {
namespace {

constexpr int kLanes = 4;
constexpr int kDotRows = 2;
constexpr int kAccumulators = 8;
constexpr int kInt8DotRows = 2;

struct F {
  float lane[kLanes];
};

template <class Op>
LOPHI_INLINE F map(Op op) {
  F y;
  for (int i = 0; i < kLanes; ++i) y.lane[i] = op(i);
  return y;
}

LOPHI_INLINE int64_t lanes_of(Full) { return kLanes; }
LOPHI_INLINE int64_t lanes_of(Tail t) { return t.count; }

LOPHI_INLINE F set1(float x) {
  return map([&](int) { return x; });
}
LOPHI_INLINE F zero() { return set1(0.0f); }
template <class Part = Full>
LOPHI_INLINE F load(const void* p, Part part = {}) {
  F y{};
  std::memcpy(y.lane, p, static_cast<size_t>(lanes_of(part)) * sizeof(float));
  return y;
}
template <class Part = Full>
LOPHI_INLINE void store(void* p, F x, Part part = {}) {
  std::memcpy(p, x.lane, static_cast<size_t>(lanes_of(part)) * sizeof(float));
}

LOPHI_INLINE F add(F a, F b) {
  return map([&](int i) { return a.lane[i] + b.lane[i]; });
}
LOPHI_INLINE F sub(F a, F b) {
  return map([&](int i) { return a.lane[i] - b.lane[i]; });
}
LOPHI_INLINE F mul(F a, F b) {
  return map([&](int i) { return a.lane[i] * b.lane[i]; });
}
LOPHI_INLINE F div(F a, F b) {
  return map([&](int i) { return a.lane[i] / b.lane[i]; });
}
// Rounds twice: not every processor has a fused one.
LOPHI_INLINE F fma(F a, F b, F c) {
  return map([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
}
LOPHI_INLINE F abs(F a) {
  return map([&](int i) { return a.lane[i] < 0 ? -a.lane[i] : a.lane[i]; });
}
// 1.5 * 2^23: floats near it have no fraction, so that adding it rounds to the nearest even; its bits are 0x4b400000.
constexpr float kRound = 0x1.8p23f;
LOPHI_INLINE float round1(float a) { return (a + kRound) - kRound; }  // |a| < 2^22
LOPHI_INLINE F round(F a) {
  return map([&](int i) { return round1(a.lane[i]); });
}
// a < b ? c : d
LOPHI_INLINE F select_less(F a, F b, F c, F d) {
  return map([&](int i) { return a.lane[i] < b.lane[i] ? c.lane[i] : d.lane[i]; });
}
// NaN when one of them is.
LOPHI_INLINE F max(F a, F b) {
  return map([&](int i) { return a.lane[i] != a.lane[i] || b.lane[i] <= a.lane[i] ? a.lane[i] : b.lane[i]; });
}
// 2^n for whole n in [-126, 127]
LOPHI_INLINE F exp2_whole(F n) {
  return map([&](int i) {
    const float shifted = n.lane[i] + kRound;
    const uint32_t bits = (read<uint32_t>(&shifted) - 0x4b400000 + 127) << 23;
    return read<float>(&bits);
  });
}
LOPHI_INLINE float sum(F a) { return (a.lane[0] + a.lane[2]) + (a.lane[1] + a.lane[3]); }
LOPHI_INLINE void store_sums(float* to, F a, F b, F c, F d) { store(to, F{{sum(a), sum(b), sum(c), sum(d)}}); }

// ---- 16-bit floats as integers

LOPHI_INLINE float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, exponent = (half >> 10) & 31,
                 fraction = half & 0x3ff;
  uint32_t bits;
  if (exponent == 0) {  // zero and subnormals: a multiple of 2^-24
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    bits = read<uint32_t>(&value);
  } else if (exponent == 31) {  // a signalling NaN becomes quiet
    bits = 0x7f800000 | (fraction << 13) | (fraction ? 0x400000 : 0);
  } else {
    bits = ((exponent + 112) << 23) | (fraction << 13);
  }
  bits |= sign;
  return read<float>(&bits);
}

LOPHI_INLINE uint16_t float_to_half(float value) {
  const uint32_t all = read<uint32_t>(&value), bits = all & 0x7fffffff;
  uint32_t half;
  if (bits > 0x7f800000) {
    half = 0x7e00 | ((bits >> 13) & 0x3ff);
  } else if (bits >= 0x47800000) {  // 2^16 and above
    half = 0x7c00;
  } else if (bits <
             0x38800000) {  // below 2^-14: adding 0.5 rounds to a multiple of 2^-24, which is then in the low bits
    const float shifted = read<float>(&bits) + 0.5f;
    half = read<uint32_t>(&shifted) - 0x3f000000;
  } else {  // a carry into the exponent is right, up to infinity
    half = (bits - 0x38000000 + 0xfff + ((bits >> 13) & 1)) >> 13;
  }
  return static_cast<uint16_t>(half | (all >> 16 & 0x8000));
}

LOPHI_INLINE float bfloat_to_float(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  return read<float>(&bits);
}

LOPHI_INLINE uint16_t float_to_bfloat(float value) {
  const uint32_t bits = read<uint32_t>(&value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <class Part, class Convert>
LOPHI_INLINE F load16(const void* p, Part part, Convert convert) {
  uint16_t lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(lanes_of(part)) * 2);
  return map([&](int i) { return convert(lanes[i]); });
}
template <class Part, class Convert>
LOPHI_INLINE void store16(void* p, F x, Part part, Convert convert) {
  uint16_t lanes[kLanes];
  for (int i = 0; i < kLanes; ++i) lanes[i] = convert(x.lane[i]);
  std::memcpy(p, lanes, static_cast<size_t>(lanes_of(part)) * 2);
}
template <class Part = Full>
LOPHI_INLINE F load_half(const void* p, Part part = {}) {
  return load16(p, part, half_to_float);
}
template <class Part = Full>
LOPHI_INLINE void store_half(void* p, F x, Part part = {}) {
  store16(p, x, part, float_to_half);
}
template <class Part = Full>
LOPHI_INLINE F load_bfloat(const void* p, Part part = {}) {
  return load16(p, part, bfloat_to_float);
}
template <class Part = Full>
LOPHI_INLINE void store_bfloat(void* p, F x, Part part = {}) {
  store16(p, x, part, float_to_bfloat);
}

// ---- weights

LOPHI_INLINE void prefetch(const std::byte*) {}

LOPHI_INLINE float half1(const void* p) { return half_to_float(read<uint16_t>(p)); }
LOPHI_INLINE F set1_half(const void* p) { return set1(half_to_float(read<uint16_t>(p))); }
LOPHI_INLINE F load_int8(const void* p) {
  const auto* bytes = static_cast<const int8_t*>(p);
  return map([&](int i) { return static_cast<float>(bytes[i]); });
}
// 16 bytes of nibbles as 32 numbers (nibble - 8) * scale: low nibbles first.
LOPHI_INLINE void load_nibbles(const void* p, F scale, F (&out)[8]) {
  const auto* bytes = static_cast<const uint8_t*>(p);
  for (int u = 0; u < 4; ++u) {
    out[u] = map([&](int i) { return scale.lane[0] * static_cast<float>((bytes[4 * u + i] & 15) - 8); });
    out[u + 4] = map([&](int i) { return scale.lane[0] * static_cast<float>((bytes[4 * u + i] >> 4) - 8); });
  }
}

}  // namespace
}  // namespace lophi::cpu
