// Products of a few float32 rows with a matrix: kDotRows rows of x against four rows of w, lanes along k.
// Bound by memory.
#pragma once
#include "cpu/isa_weights.inl"

namespace lophi::cpu {
namespace {

// How far ahead of its use a byte of w is asked for: as far as the rows that are read next, whose streams are too short
// for the processor to notice, but far enough for memory to answer.
LOPHI_INLINE size_t prefetch_distance(size_t next_rows) { return next_rows < 4096 ? 4096 : next_rows; }

// y[M, N] = x[M, k] · w[N, k]ᵀ
template <WeightFormat W, int M, int N>
void dot_rows(const std::byte* w, size_t stride, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t k) {
  F total[M][N];
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) total[i][j] = zero();
  }
  const size_t ahead = prefetch_distance(N * stride);
  const auto step = [&](int64_t from, auto load_w, auto load_x) LOPHI_INLINE_LAMBDA {
    for (int j = 0; j < N; ++j) {
      F row[kParts];
      const std::byte* unit = w + static_cast<size_t>(j) * stride + from / kUnit * unit_bytes(W);
      if constexpr (W != WeightFormat::kFloat32)
        prefetch(unit + ahead);  // processors follow four long streams themselves
      load_w(unit, row);
      for (int u = 0; u < kParts; ++u) {
        for (int i = 0; i < M; ++i) total[i][j] = fma(row[u], load_x(x + i * ldx + from + u * kLanes, u), total[i][j]);
      }
    }
  };
  int64_t from = 0;
  for (; from + kUnit <= k; from += kUnit) {
    step(
        from, [](const std::byte* p, F(&row)[kParts]) LOPHI_INLINE_LAMBDA { load_unit<W>(p, row); },
        [](const float* p, int) LOPHI_INLINE_LAMBDA { return load(p); });
  }
  if (from < k) {
    const int64_t rest = k - from;
    step(
        from, [&](const std::byte* p, F(&row)[kParts]) LOPHI_INLINE_LAMBDA { load_unit<W>(p, rest, row); },
        [&](const float* p, int u) LOPHI_INLINE_LAMBDA {
          const int64_t count = rest - u * kLanes;
          return count >= kLanes ? load(p) : count > 0 ? load(p, Tail{count}) : zero();
        });
  }
  for (int i = 0; i < M; ++i) {
    if constexpr (N == 4) {
      store_sums(y + i * ldy, total[i][0], total[i][1], total[i][2], total[i][3]);
    } else {
      for (int j = 0; j < N; ++j) write(y + i * ldy + j, sum(total[i][j]));
    }
  }
}

template <WeightFormat W>
void matmul_rows(const std::byte* w, size_t stride, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t m,
                 int64_t n, int64_t k) {
  constexpr int kColumns = 4;
  int64_t j = 0;
  for (; j + kColumns <= n; j += kColumns) {
    for (int64_t i = 0; i < m; i += kDotRows) {
      with_count<kDotRows>(m - i, [&](auto rows) {
        dot_rows<W, rows.value, kColumns>(w + static_cast<size_t>(j) * stride, stride, x + i * ldx, ldx,
                                          y + i * ldy + j, ldy, k);
      });
    }
  }
  for (; j < n; ++j) {
    for (int64_t i = 0; i < m; i += kDotRows) {
      with_count<kDotRows>(m - i, [&](auto rows) {
        dot_rows<W, rows.value, 1>(w + static_cast<size_t>(j) * stride, stride, x + i * ldx, ldx, y + i * ldy + j, ldy,
                                   k);
      });
    }
  }
}

}  // namespace
}  // namespace lophi::cpu
