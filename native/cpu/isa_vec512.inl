// Vectors of 16 floats in AVX-512 F, BW, VL and DQ.
#pragma once
#include "cpu/isa_x86.inl"

namespace lophi::cpu {
namespace {

using F = __m512;
using I = __m512i;
constexpr int kLanes = 16;
constexpr int64_t kPanelRows = 16;  // from this many rows of x on, turning w into panels pays
constexpr int kDotRows = 4;
constexpr int kFloatRows = 6, kFloatVectors = 4;
constexpr int kAccumulators = kFloatRows * kFloatVectors;  // 24 of 32 registers
constexpr int kInt8DotRows = 4;
constexpr int kInt8Rows = 6, kInt8Vectors = 2;

LOPHI_INLINE __mmask16 mask_of(Tail t) { return static_cast<__mmask16>((1u << t.count) - 1); }

LOPHI_INLINE F zero() { return _mm512_setzero_ps(); }
LOPHI_INLINE F set1(float x) { return _mm512_set1_ps(x); }
LOPHI_INLINE F load(const void* p, Full = {}) { return _mm512_loadu_ps(p); }
LOPHI_INLINE F load(const void* p, Tail t) { return _mm512_maskz_loadu_ps(mask_of(t), p); }
LOPHI_INLINE void store(void* p, F x, Full = {}) { _mm512_storeu_ps(p, x); }
LOPHI_INLINE void store(void* p, F x, Tail t) { _mm512_mask_storeu_ps(p, mask_of(t), x); }

LOPHI_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
LOPHI_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
LOPHI_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
LOPHI_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
LOPHI_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
LOPHI_INLINE F abs(F a) { return _mm512_abs_ps(a); }
LOPHI_INLINE F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// a < b ? c : d
LOPHI_INLINE F select_less(F a, F b, F c, F d) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), d, c);
}
// NaN when one of them is.
LOPHI_INLINE F max(F a, F b) { return _mm512_mask_max_ps(a, _mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), a, b); }
// 2^n for whole n in [-126, 127]
LOPHI_INLINE F exp2_whole(F n) {
  const I biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}

LOPHI_INLINE float sum(F a) { return _mm512_reduce_add_ps(a); }
// The sums of four vectors, next to each other.
LOPHI_INLINE void store_sums(float* to, F a, F b, F c, F d) {
  const F ab = add(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const F cd = add(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const F abcd = add(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(abcd), _mm512_extractf32x8_ps(abcd, 1));
  _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}

LOPHI_INLINE F load_half(const void* p, Full = {}) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
LOPHI_INLINE F load_half(const void* p, Tail t) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask_of(t), p)); }
LOPHI_INLINE __m256i to_half(F x) { return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
LOPHI_INLINE void store_half(void* p, F x, Full = {}) { _mm256_storeu_si256(static_cast<__m256i*>(p), to_half(x)); }
LOPHI_INLINE void store_half(void* p, F x, Tail t) { _mm256_mask_storeu_epi16(p, mask_of(t), to_half(x)); }

LOPHI_INLINE F from_bfloat(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
LOPHI_INLINE F load_bfloat(const void* p, Full = {}) {
  return from_bfloat(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
LOPHI_INLINE F load_bfloat(const void* p, Tail t) { return from_bfloat(_mm256_maskz_loadu_epi16(mask_of(t), p)); }
LOPHI_INLINE __m256i to_bfloat(F x) {
  const I bits = _mm512_castps_si512(x), top = _mm512_srli_epi32(bits, 16);
  const I odd = _mm512_and_si512(top, _mm512_set1_epi32(1));
  const I even = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const I quiet = _mm512_or_si512(top, _mm512_set1_epi32(0x40));
  return _mm512_cvtepi32_epi16(_mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), even, quiet));
}
LOPHI_INLINE void store_bfloat(void* p, F x, Full = {}) { _mm256_storeu_si256(static_cast<__m256i*>(p), to_bfloat(x)); }
LOPHI_INLINE void store_bfloat(void* p, F x, Tail t) { _mm256_mask_storeu_epi16(p, mask_of(t), to_bfloat(x)); }

LOPHI_INLINE F set1_half(const void* p) { return _mm512_cvtph_ps(_mm256_set1_epi16(read<int16_t>(p))); }
LOPHI_INLINE F load_int8(const void* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))));
}
// 16 bytes of nibbles as 32 numbers (nibble - 8) * scale: low nibbles first. vpermps looks at the low four bits only.
LOPHI_INLINE void load_nibbles(const void* p, F scale, F (&out)[2]) {
  const F table = mul(scale, _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7));
  const I bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  out[0] = _mm512_permutexvar_ps(bytes, table);
  out[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(bytes, 4), table);
}

// 32 bytes as floats.
template <bool Signed>
LOPHI_INLINE void to_floats(__m256i bytes, F (&out)[2]) {
  const __m128i half[] = {_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)};
  for (int i = 0; i < 2; ++i)
    out[i] = _mm512_cvtepi32_ps(Signed ? _mm512_cvtepi8_epi32(half[i]) : _mm512_cvtepu8_epi32(half[i]));
}

LOPHI_INLINE I load_bits(const void* p) { return _mm512_loadu_si512(p); }
LOPHI_INLINE void store_bits(void* p, I x) { _mm512_storeu_si512(p, x); }
LOPHI_INLINE I set1_32(int32_t x) { return _mm512_set1_epi32(x); }
LOPHI_INLINE I set1_16(int16_t x) { return _mm512_set1_epi16(x); }
LOPHI_INLINE I set1_8(int8_t x) { return _mm512_set1_epi8(x); }
LOPHI_INLINE I add32(I a, I b) { return _mm512_add_epi32(a, b); }
LOPHI_INLINE I add16(I a, I b) { return _mm512_add_epi16(a, b); }
LOPHI_INLINE I and_bits(I a, I b) { return _mm512_and_si512(a, b); }
LOPHI_INLINE I xor_bits(I a, I b) { return _mm512_xor_si512(a, b); }
template <int N>
LOPHI_INLINE I shift_right32(I a) {
  return _mm512_srli_epi32(a, N);
}
template <int N>
LOPHI_INLINE I shift_right16(I a) {
  return _mm512_srli_epi16(a, N);
}
template <int N>
LOPHI_INLINE I shift_right_signed16(I a) {
  return _mm512_srai_epi16(a, N);
}
template <int N>
LOPHI_INLINE I shift_left16(I a) {
  return _mm512_slli_epi16(a, N);
}
LOPHI_INLINE I madd16(I a, I b) { return _mm512_madd_epi16(a, b); }
LOPHI_INLINE I madd_u8_s8(I a, I b) { return _mm512_maddubs_epi16(a, b); }
LOPHI_INLINE F to_floats(I a) { return _mm512_cvtepi32_ps(a); }

LOPHI_INLINE __m128i load128(const std::byte* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }

// 16 bytes of each of 16 rows -> four vectors; lane r of vector g is dword g of row r.
LOPHI_INLINE void transpose(const std::byte* const (&rows)[kLanes], int64_t offset, I (&out)[4]) {
  I part[4];  // part[i]: rows i, i + 4, i + 8, i + 12
  for (int i = 0; i < 4; ++i) {
    I x = _mm512_castsi128_si512(load128(rows[i] + offset));
    x = _mm512_inserti32x4(x, load128(rows[i + 4] + offset), 1);
    x = _mm512_inserti32x4(x, load128(rows[i + 8] + offset), 2);
    part[i] = _mm512_inserti32x4(x, load128(rows[i + 12] + offset), 3);
  }
  const I low01 = _mm512_unpacklo_epi32(part[0], part[1]), low23 = _mm512_unpacklo_epi32(part[2], part[3]);
  const I high01 = _mm512_unpackhi_epi32(part[0], part[1]), high23 = _mm512_unpackhi_epi32(part[2], part[3]);
  out[0] = _mm512_unpacklo_epi64(low01, low23);
  out[1] = _mm512_unpackhi_epi64(low01, low23);
  out[2] = _mm512_unpacklo_epi64(high01, high23);
  out[3] = _mm512_unpackhi_epi64(high01, high23);
}

}  // namespace
}  // namespace lophi::cpu
