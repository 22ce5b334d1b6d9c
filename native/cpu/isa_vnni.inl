// Exact int8 dot products out of vpdpbusd, which multiplies unsigned by signed bytes and sums four products a lane.
// Signed weights become unsigned by an offset of 128; it and that of the format are taken off again through sums of the
// activations.
#pragma once
#include "cpu/isa_block256.inl"
#include "cpu/isa_vec.inl"

namespace lophi::cpu {
namespace {

constexpr int64_t kInt8PanelRows = 3;

// A unit against few rows of x.
template <int Minus, bool Signed>
struct Dot {
  using W = __m256i;
  struct X {
    __m256i values, minus;  // minus: -(Minus or 128) * x in sums of four
  };
  static LOPHI_INLINE X load_x(const int8_t* x) {
    const __m256i values = load256(x), none = _mm256_setzero_si256();
    constexpr int kMinus = Signed ? 128 : Minus;
    if constexpr (kMinus == 0) return {values, none};
    const __m256i minus = _mm256_dpbusd_epi32(none, _mm256_set1_epi8(static_cast<char>(kMinus)), values);
    return {values, _mm256_sub_epi32(none, minus)};
  }
  static LOPHI_INLINE W load_w(__m256i values) {
    return Signed ? _mm256_xor_si256(values, _mm256_set1_epi8(-128)) : values;
  }
  static LOPHI_INLINE F8 dot(W w, X x) { return _mm256_cvtepi32_ps(_mm256_dpbusd_epi32(x.minus, w, x.values)); }
};

// Records of a panel: eight vectors a unit, each lane four bytes of a row.
template <int Top, int Minus, int Halves>
struct Panel {
  static constexpr int kSteps = 8;
  static constexpr int kMinus = Top ? Minus : 128;
  static constexpr bool kWide = false;
  static LOPHI_INLINE I start(int32_t minus) { return set1_32(minus); }
  static LOPHI_INLINE I step(I total, I w, I x) { return _mm512_dpbusd_epi32(total, w, x); }
  static LOPHI_INLINE I finish(I total, int32_t) { return total; }
  static LOPHI_INLINE void expand(const I (&bytes)[4], int half, I (&out)[kSteps]) {
    for (int g = 0; g < 4; ++g) out[4 * half + g] = Top ? bytes[g] : xor_bits(bytes[g], set1_8(-128));
  }
};

}  // namespace
}  // namespace lophi::cpu
