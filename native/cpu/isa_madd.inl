// Exact int8 dot products out of vpmaddubsw and vpmaddwd, for processors without VNNI.
// Weights of up to 6 bits times activations fit into 16 bits in pairs; those of 8 (and -128 occurs) do not, so they are
// multiplied as 16-bit numbers.
#pragma once
#include "cpu/isa_block256.inl"
#include "cpu/isa_vec.inl"

namespace lophi::cpu {
namespace {

constexpr int64_t kInt8PanelRows = 6;

LOPHI_INLINE __m256i add_pairs256(__m256i x) { return _mm256_madd_epi16(x, _mm256_set1_epi16(1)); }

// A unit against few rows of x.
template <int Minus, bool Signed>
struct Dot {
  using W = __m256i;
  struct X {
    __m256i values, minus;  // minus: Minus * x in sums of two
  };
  static LOPHI_INLINE X load_x(const int8_t* x) {
    const __m256i values = load256(x);
    return {values, Minus ? _mm256_maddubs_epi16(_mm256_set1_epi8(Minus), values) : values};
  }
  static LOPHI_INLINE W load_w(__m256i values) { return values; }
  static LOPHI_INLINE F8 dot(W w, X x) {
    const __m256i pairs = _mm256_maddubs_epi16(w, x.values);
    return _mm256_cvtepi32_ps(add_pairs256(Minus ? _mm256_sub_epi16(pairs, x.minus) : pairs));
  }
};

template <int Minus>
struct Dot<Minus, true> {
  struct W {
    __m256i low, high;  // 16 numbers of 16 bits each
  };
  using X = W;
  static LOPHI_INLINE W load_w(__m256i values) {
    return {_mm256_cvtepi8_epi16(_mm256_castsi256_si128(values)),
            _mm256_cvtepi8_epi16(_mm256_extracti128_si256(values, 1))};
  }
  static LOPHI_INLINE X load_x(const int8_t* x) { return load_w(load256(x)); }
  static LOPHI_INLINE F8 dot(W w, X x) {
    return _mm256_cvtepi32_ps(_mm256_add_epi32(_mm256_madd_epi16(w.low, x.low), _mm256_madd_epi16(w.high, x.high)));
  }
};

// Records of weights in [0, Top]; each lane holds 4 bytes of a row.
template <int Top, int Minus, int Halves>
struct Panel {
  static constexpr int kSteps = 8;                                         // vectors of a unit
  static constexpr int kMinus = Minus;                                     // what the weights have too much
  static constexpr bool kWide = false;                                     // activations stay int8
  static constexpr bool kShort = kSteps / Halves * 2 * 127 * Top < 32768;  // a record's sums fit into 16 bits
  static LOPHI_INLINE I start(int32_t minus) { return set1_32(kShort ? 0 : minus); }
  static LOPHI_INLINE I step(I total, I w, I x) {
    const I pairs = madd_u8_s8(w, x);
    return kShort ? add16(total, pairs) : add32(total, madd16(pairs, set1_16(1)));
  }
  static LOPHI_INLINE I finish(I total, int32_t minus) {
    return kShort ? add32(madd16(total, set1_16(1)), set1_32(minus)) : total;
  }
  static LOPHI_INLINE void expand(const I (&bytes)[4], int half, I (&out)[kSteps]) {
    for (int g = 0; g < 4; ++g) out[4 * half + g] = bytes[g];
  }
};

// Of signed weights; each lane holds two 16-bit numbers of a row.
template <int Minus, int Halves>
struct Panel<0, Minus, Halves> {
  static_assert(Halves == 1);  // of which expand mixes the order
  static constexpr int kSteps = 16;
  static constexpr int kMinus = 0;
  static constexpr bool kWide = true;  // activations too: see widen
  static LOPHI_INLINE I start(int32_t) { return set1_32(0); }
  static LOPHI_INLINE I step(I total, I w, I x) { return add32(total, madd16(w, x)); }
  static LOPHI_INLINE I finish(I total, int32_t) { return total; }
  // Bytes 0 and 2 of every lane, then bytes 1 and 3: shifts are cheaper than putting neighbours together.
  static LOPHI_INLINE void expand(const I (&bytes)[4], int half, I (&out)[kSteps]) {
    for (int g = 0; g < 4; ++g) {
      out[4 * half + g] = shift_right_signed16<8>(shift_left16<8>(bytes[g]));
      out[4 * half + g + 8] = shift_right_signed16<8>(bytes[g]);
    }
  }
  // 32 activations in the order of expand.
  static LOPHI_INLINE void widen(const int8_t* x, std::byte* to) {
    const __m256i bytes = load256(x);
    auto* out = reinterpret_cast<__m256i*>(to);
    _mm256_storeu_si256(out, _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8));
    _mm256_storeu_si256(out + 1, _mm256_srai_epi16(bytes, 8));
  }
};

}  // namespace
}  // namespace lophi::cpu
