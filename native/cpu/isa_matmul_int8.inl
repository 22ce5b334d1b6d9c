// Products of a few rows of int8 activations with quantised weights: integers are summed exactly over each unit of 32
// values, then scaled. Rows as in isa_matmul.inl.
#pragma once
#include "cpu/isa_dot.inl"
#include "cpu/isa_formats256.inl"
#include "cpu/isa_quantize.inl"

namespace lophi::cpu {
namespace {

// What the scales and offsets of a chunk are multiplied by, for one row of x: scales of its values, and their sums.
template <int Halves>
struct ChunkScales {
  F8 scale[Halves], sum[Halves];

  LOPHI_INLINE ChunkScales(const Int8Rows& x, int64_t first, int count) {
    const auto sums = [&](int from) LOPHI_INLINE_LAMBDA { return load8(x.sums + 2 * first + from, 2 * count - from); };
    const F8 scales = _mm256_castsi256_ps(load8(reinterpret_cast<const int32_t*>(x.scales + first), count));
    const __m256i low = sums(0), high = sums(8);
    if constexpr (Halves == 1) {
      // pairs are added within 128-bit halves: the permutation puts them in order
      const __m256i both = _mm256_permute4x64_epi64(_mm256_hadd_epi32(low, high), 0xd8);
      scale[0] = scales;
      sum[0] = mul8(_mm256_cvtepi32_ps(both), scales);
    } else {
      scale[0] = _mm256_permutevar8x32_ps(scales, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
      scale[1] = _mm256_permutevar8x32_ps(scales, _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7));
      sum[0] = mul8(_mm256_cvtepi32_ps(low), scale[0]);
      sum[1] = mul8(_mm256_cvtepi32_ps(high), scale[1]);
    }
  }

 private:
  // Zeros beyond `count`.
  static LOPHI_INLINE __m256i load8(const int32_t* p, int count) {
    if (count >= 8) return load256(p);
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    return _mm256_maskload_epi32(p, mask);
  }
};

// y[M, N] = x[M, k] · w[N, k]ᵀ, from row `row` of w on; x begins with the first of the M rows
template <int M, int N, class Source>
LOPHI_NO_INLINE void dot_int8(const Source& w, int64_t row, const Int8Rows& x, float* y, int64_t ldy, int64_t k) {
  constexpr UnitKind kKind = Source::kKind;
  constexpr int kHalves = kKind.halves;
  using D = Dot<kKind.minus, kKind.is_signed()>;
  const int64_t units = k / kUnit;
  F8 total[M][N];
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) total[i][j] = zero8();
  }
  typename Source::Row rows[N];
  for (int j = 0; j < N; ++j) rows[j] = w.row(row + j);
  Scales scales[N];
  alignas(32) float products[M][N][kHalves * kChunk];  // of the scales of w and x
  for (int64_t first = 0; first < units; first += kChunk) {
    const int count = static_cast<int>(smaller<int64_t>(units - first, kChunk));
    const std::byte* chunk[N];
    for (int j = 0; j < N; ++j) {
      chunk[j] = Source::chunk(rows[j], first);
      w.prefetch_chunk(rows[j], first, N);
      if (count < kChunk) scales[j] = {};
      w.scales(rows[j], first, count, scales[j]);
    }
    for (int i = 0; i < M; ++i) {
      const ChunkScales<kHalves> xs(from_row(x, i, k), first, count);
      for (int j = 0; j < N; ++j) {
        for (int h = 0; h < kHalves; ++h) {
          store8(products[i][j] + h * 8, mul8(load8(scales[j].scale + h * 8), xs.scale[h]));
          if constexpr (kKind.offsets) total[i][j] = fma8(load8(scales[j].offset + h * 8), xs.sum[h], total[i][j]);
        }
      }
    }
    for (int u = 0; u < count; ++u) {
      typename D::X xs[M];
      for (int i = 0; i < M; ++i) xs[i] = D::load_x(x.values + i * k + (first + u) * kUnit);
      for (int j = 0; j < N; ++j) {
        const typename D::W weights = D::load_w(Source::values(chunk[j], u));
        for (int i = 0; i < M; ++i)
          total[i][j] = fma8(D::dot(weights, xs[i]), spread8<kHalves>(products[i][j], u), total[i][j]);
      }
    }
  }
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) write(y + i * ldy + j, sum8(total[i][j]));
  }
}

template <class Source>
void matmul_int8_rows(const Source& w, const Int8Rows& x, float* y, int64_t ldy, int64_t m, int64_t n, int64_t k) {
  constexpr int kColumns = 4;
  for (int64_t j = 0; j < n; j += kColumns) {
    for (int64_t i = 0; i < m; i += kInt8DotRows) {
      with_count<kInt8DotRows>(m - i, [&](auto rows) {
        if (n - j >= kColumns) {
          dot_int8<rows.value, kColumns>(w, j, from_row(x, i, k), y + i * ldy + j, ldy, k);
        } else {
          for (int64_t c = j; c < n; ++c) dot_int8<rows.value, 1>(w, c, from_row(x, i, k), y + i * ldy + c, ldy, k);
        }
      });
    }
  }
}

}  // namespace
}  // namespace lophi::cpu
