// A block of 32 int8 weights times 32 int8 activations in 256-bit registers, for few rows of x: as many bytes as memory
// delivers need no wider ones.
#pragma once
#include "cpu/isa_x86.inl"

namespace lophi::cpu {
namespace {

using F8 = __m256;
LOPHI_INLINE F8 zero8() { return _mm256_setzero_ps(); }
LOPHI_INLINE F8 set8(float x) { return _mm256_set1_ps(x); }
LOPHI_INLINE F8 sub8(F8 a, F8 b) { return _mm256_sub_ps(a, b); }
LOPHI_INLINE F8 mul8(F8 a, F8 b) { return _mm256_mul_ps(a, b); }
LOPHI_INLINE F8 fma8(F8 a, F8 b, F8 c) { return _mm256_fmadd_ps(a, b, c); }
LOPHI_INLINE F8 load8(const float* p) { return _mm256_loadu_ps(p); }
LOPHI_INLINE void store8(float* p, F8 x) { _mm256_storeu_ps(p, x); }
// x in lanes `from` and up.
LOPHI_INLINE F8 replace8(F8 a, int from, float x) {
  const __m256i mask = _mm256_cmpgt_epi32(_mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 8), _mm256_set1_epi32(from));
  return _mm256_blendv_ps(a, set8(x), _mm256_castsi256_ps(mask));
}
LOPHI_INLINE float sum8(F8 a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

LOPHI_INLINE __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

// 16 bytes of nibbles -> 32 unsigned bytes, low nibbles first.
LOPHI_INLINE __m256i nibbles256(const void* p) {
  const __m256i twice = _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  return _mm256_and_si256(_mm256_srlv_epi64(twice, _mm256_setr_epi64x(0, 0, 4, 4)), _mm256_set1_epi8(15));
}

// max |x| of 32 floats, as bits: NaN is larger than every number.
LOPHI_INLINE int32_t largest_bits(const float* x) {
  __m256i top = _mm256_setzero_si256();
  for (int u = 0; u < 4; ++u) {
    const __m256i bits = _mm256_and_si256(load256(x + 8 * u), _mm256_set1_epi32(0x7fffffff));
    top = _mm256_max_epi32(top, bits);
  }
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

// values = x * factor to the nearest even, and the sums of their halves.
LOPHI_INLINE void round_int8(const float* x, float factor, int8_t* values, int32_t* sums) {
  __m256i whole[4];
  for (int u = 0; u < 4; ++u) whole[u] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * u), set8(factor)));
  // packing works within 128-bit halves: the permutation puts groups of four back in order
  const __m256i packed =
      _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]), _mm256_packs_epi32(whole[2], whole[3]));
  const __m256i ordered = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(values), ordered);
  const __m256i low = _mm256_add_epi32(whole[0], whole[1]), high = _mm256_add_epi32(whole[2], whole[3]);
  __m256i both = _mm256_hadd_epi32(low, high);
  both = _mm256_hadd_epi32(both, both);
  const __m128i total = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(sums), total);
}

}  // namespace
}  // namespace lophi::cpu
