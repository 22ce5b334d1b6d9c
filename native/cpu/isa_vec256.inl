// Vectors of 8 floats in AVX2, FMA and F16C.
#pragma once
#include "cpu/isa_x86.inl"

namespace lophi::cpu {
namespace {

using F = __m256;
using I = __m256i;
constexpr int kLanes = 8;
constexpr int64_t kPanelRows = 12;  // from this many rows of x on, turning w into panels pays
constexpr int kDotRows = 2;
constexpr int kFloatRows = 6, kFloatVectors = 2;
constexpr int kAccumulators = kFloatRows * kFloatVectors;  // 12 of 16 registers
constexpr int kInt8DotRows = 2;
constexpr int kInt8Rows = 4, kInt8Vectors = 2;

LOPHI_INLINE I mask_of(Tail t) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(t.count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

LOPHI_INLINE F zero() { return _mm256_setzero_ps(); }
LOPHI_INLINE F set1(float x) { return _mm256_set1_ps(x); }
LOPHI_INLINE F load(const void* p, Full = {}) { return _mm256_loadu_ps(static_cast<const float*>(p)); }
LOPHI_INLINE F load(const void* p, Tail t) { return _mm256_maskload_ps(static_cast<const float*>(p), mask_of(t)); }
LOPHI_INLINE void store(void* p, F x, Full = {}) { _mm256_storeu_ps(static_cast<float*>(p), x); }
LOPHI_INLINE void store(void* p, F x, Tail t) { _mm256_maskstore_ps(static_cast<float*>(p), mask_of(t), x); }

LOPHI_INLINE F add(F a, F b) { return _mm256_add_ps(a, b); }
LOPHI_INLINE F sub(F a, F b) { return _mm256_sub_ps(a, b); }
LOPHI_INLINE F mul(F a, F b) { return _mm256_mul_ps(a, b); }
LOPHI_INLINE F div(F a, F b) { return _mm256_div_ps(a, b); }
LOPHI_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
LOPHI_INLINE F abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
LOPHI_INLINE F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// a < b ? c : d
LOPHI_INLINE F select_less(F a, F b, F c, F d) { return _mm256_blendv_ps(d, c, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
// NaN when one of them is.
LOPHI_INLINE F max(F a, F b) { return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q)); }
// 2^n for whole n in [-126, 127]
LOPHI_INLINE F exp2_whole(F n) {
  const I biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

LOPHI_INLINE __m128 halves(F a) { return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)); }
// The sums of four vectors, next to each other.
LOPHI_INLINE void store_sums(float* to, F a, F b, F c, F d) {
  _mm_storeu_ps(to, halves(_mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d))));
}
LOPHI_INLINE float sum(F a) {
  const __m128 four = halves(a), two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// Vectors of eight 16-bit numbers; a tail of them passes through memory.
LOPHI_INLINE __m128i load16(const void* p, Full) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
LOPHI_INLINE __m128i load16(const void* p, Tail t) {
  int16_t lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(t.count) * 2);
  return load16(lanes, Full{});
}
LOPHI_INLINE void store16(void* p, __m128i x, Full) { _mm_storeu_si128(static_cast<__m128i*>(p), x); }
LOPHI_INLINE void store16(void* p, __m128i x, Tail t) {
  int16_t lanes[kLanes];
  store16(lanes, x, Full{});
  std::memcpy(p, lanes, static_cast<size_t>(t.count) * 2);
}

template <class Part = Full>
LOPHI_INLINE F load_half(const void* p, Part part = {}) {
  return _mm256_cvtph_ps(load16(p, part));
}
template <class Part = Full>
LOPHI_INLINE void store_half(void* p, F x, Part part = {}) {
  store16(p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), part);
}
template <class Part = Full>
LOPHI_INLINE F load_bfloat(const void* p, Part part = {}) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load16(p, part)), 16));
}
template <class Part = Full>
LOPHI_INLINE void store_bfloat(void* p, F x, Part part = {}) {
  const I bits = _mm256_castps_si256(x), top = _mm256_srli_epi32(bits, 16);
  const I odd = _mm256_and_si256(top, _mm256_set1_epi32(1));
  const I even = _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const I quiet = _mm256_or_si256(top, _mm256_set1_epi32(0x40));
  const I nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  const I rounded = _mm256_blendv_epi8(even, quiet, nan);
  store16(p, _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1)), part);
}

LOPHI_INLINE F set1_half(const void* p) { return _mm256_cvtph_ps(_mm_set1_epi16(read<int16_t>(p))); }
LOPHI_INLINE F load_int8(const void* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))));
}
// 16 bytes of nibbles as 32 numbers (nibble - 8) * scale, low nibbles first; exact, so that one rounding is none.
LOPHI_INLINE void load_nibbles(const void* p, F scale, F (&out)[4]) {
  const F minus = mul(scale, set1(-8.0f));
  for (int half = 0; half < 2; ++half) {
    const I bytes =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(static_cast<const char*>(p) + 8 * half)));
    out[half] = fma(_mm256_cvtepi32_ps(_mm256_and_si256(bytes, _mm256_set1_epi32(15))), scale, minus);
    out[half + 2] = fma(_mm256_cvtepi32_ps(_mm256_srli_epi32(bytes, 4)), scale, minus);
  }
}

// 32 bytes as floats.
template <bool Signed>
LOPHI_INLINE void to_floats(__m256i bytes, F (&out)[4]) {
  const __m128i half[] = {_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)};
  for (int i = 0; i < 4; ++i) {
    const __m128i eight = i % 2 ? _mm_srli_si128(half[i / 2], 8) : half[i / 2];
    out[i] = _mm256_cvtepi32_ps(Signed ? _mm256_cvtepi8_epi32(eight) : _mm256_cvtepu8_epi32(eight));
  }
}

LOPHI_INLINE I load_bits(const void* p) { return _mm256_loadu_si256(static_cast<const I*>(p)); }
LOPHI_INLINE void store_bits(void* p, I x) { _mm256_storeu_si256(static_cast<I*>(p), x); }
LOPHI_INLINE I set1_32(int32_t x) { return _mm256_set1_epi32(x); }
LOPHI_INLINE I set1_16(int16_t x) { return _mm256_set1_epi16(x); }
LOPHI_INLINE I set1_8(int8_t x) { return _mm256_set1_epi8(x); }
LOPHI_INLINE I add32(I a, I b) { return _mm256_add_epi32(a, b); }
LOPHI_INLINE I add16(I a, I b) { return _mm256_add_epi16(a, b); }
LOPHI_INLINE I and_bits(I a, I b) { return _mm256_and_si256(a, b); }
template <int N>
LOPHI_INLINE I shift_right32(I a) {
  return _mm256_srli_epi32(a, N);
}
template <int N>
LOPHI_INLINE I shift_right16(I a) {
  return _mm256_srli_epi16(a, N);
}
template <int N>
LOPHI_INLINE I shift_right_signed16(I a) {
  return _mm256_srai_epi16(a, N);
}
template <int N>
LOPHI_INLINE I shift_left16(I a) {
  return _mm256_slli_epi16(a, N);
}
LOPHI_INLINE I madd16(I a, I b) { return _mm256_madd_epi16(a, b); }
LOPHI_INLINE I madd_u8_s8(I a, I b) { return _mm256_maddubs_epi16(a, b); }
LOPHI_INLINE F to_floats(I a) { return _mm256_cvtepi32_ps(a); }

LOPHI_INLINE __m128i load128(const std::byte* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }

// 16 bytes of each of 8 rows -> four vectors; lane r of vector g is dword g of row r.
LOPHI_INLINE void transpose(const std::byte* const (&rows)[kLanes], int64_t offset, I (&out)[4]) {
  I part[4];  // part[i]: rows i, i + 4
  for (int i = 0; i < 4; ++i) {
    const I x = _mm256_castsi128_si256(load128(rows[i] + offset));
    part[i] = _mm256_inserti128_si256(x, load128(rows[i + 4] + offset), 1);
  }
  const I low01 = _mm256_unpacklo_epi32(part[0], part[1]), low23 = _mm256_unpacklo_epi32(part[2], part[3]);
  const I high01 = _mm256_unpackhi_epi32(part[0], part[1]), high23 = _mm256_unpackhi_epi32(part[2], part[3]);
  out[0] = _mm256_unpacklo_epi64(low01, low23);
  out[1] = _mm256_unpackhi_epi64(low01, low23);
  out[2] = _mm256_unpacklo_epi64(high01, high23);
  out[3] = _mm256_unpackhi_epi64(high01, high23);
}

}  // namespace
}  // namespace lophi::cpu
