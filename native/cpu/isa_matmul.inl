// Products of a few float32 rows with a matrix, lanes along k: four rows of w at a time. Bound by memory, or by unpacking.
#pragma once
#include "cpu/isa_unpack.inl"

namespace lophi::cpu {
namespace {

constexpr int kDotColumns = 4;

// y[M, N] = x[M, k] · w[N, k]ᵀ, or added to y
template <WeightFormat W, int M, int N>
void dot_rows(const std::byte* w, size_t stride, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t k,
              bool add_to = false) {
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
        [&](const float* p, int u) LOPHI_INLINE_LAMBDA { return load_some(p, rest - u * kLanes); });
  }
  for (int i = 0; i < M; ++i) {
    float sums[N];
    if constexpr (N == kDotColumns) {
      store_sums(sums, total[i][0], total[i][1], total[i][2], total[i][3]);
    } else {
      for (int j = 0; j < N; ++j) sums[j] = sum(total[i][j]);
    }
    float* to = y + i * ldy;
    for (int j = 0; j < N; ++j) write(to + j, add_to ? read<float>(to + j) + sums[j] : sums[j]);
  }
}

// y[m, columns] = x[m, k] · w[columns, k]ᵀ with columns <= kDotColumns
template <WeightFormat W>
void dot_columns(const std::byte* w, size_t stride, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t m,
                 int64_t columns, int64_t k, bool add_to = false) {
  for (int64_t i = 0; i < m; i += kDotRows) {
    with_count<kDotRows>(m - i, [&](auto rows) {
      if (columns == kDotColumns)
        return dot_rows<W, rows.value, kDotColumns>(w, stride, x + i * ldx, ldx, y + i * ldy, ldy, k, add_to);
      for (int64_t j = 0; j < columns; ++j)
        dot_rows<W, rows.value, 1>(w + static_cast<size_t>(j) * stride, stride, x + i * ldx, ldx, y + i * ldy + j, ldy,
                                   k, add_to);
    });
  }
}

// A matrix whose units are read as they are multiplied.
template <WeightFormat W>
void matmul_direct(const WeightRows& w, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t m, int64_t n,
                   int64_t k) {
  for (int64_t j = 0; j < n; j += kDotColumns)
    dot_columns<W>(w.data + static_cast<size_t>(j) * w.stride, w.stride, x, ldx, y + j, ldy, m,
                   smaller<int64_t>(n - j, kDotColumns), k);
}

// Any matrix: four rows by 256 columns of w at a time become float32, which stays in the nearest cache for all rows of x.
void matmul_tiles(const WeightRows& w, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t m, int64_t n,
                  int64_t k) {
  alignas(64) float tile[kDotColumns][kUnpacked];
  Unpack* const unpack = unpack_of(w);
  for (int64_t j = 0; j < n; j += kDotColumns) {
    const int64_t columns = smaller<int64_t>(n - j, kDotColumns);
    for (int64_t from = 0; from < k; from += kUnpacked) {
      const int64_t count = smaller(k - from, kUnpacked);
      for (int64_t c = 0; c < columns; ++c) unpack(from_row(w, j + c), from, count, tile[c]);
      dot_columns<WeightFormat::kFloat32>(reinterpret_cast<const std::byte*>(tile), sizeof tile[0], x + from, ldx,
                                          y + j, ldy, m, columns, count, from > 0);
    }
  }
}

}  // namespace
}  // namespace lophi::cpu
