// Products of a few rows of int8 activations with quantised weights: integers are summed exactly over each unit of 32
// values, then scaled. Rows as in isa_matmul.inl.

namespace lophi::cpu {
namespace {

// y[M, N] = x[M, k] · w[N, k]ᵀ, from row `row` of w on; x begins with the first of the M rows
template <int M, int N, class Source>
void dot_int8(const Source& w, size_t stride, int64_t row, const Int8Rows& x, float* y, int64_t ldy, int64_t k) {
  constexpr UnitKind kKind = Source::kKind;
  using D = Dot<kKind.minus, kKind.is_signed()>;
  const int64_t units = k / kUnit;
  const size_t ahead = prefetch_distance(N * stride);
  F8 total[M][N];
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) total[i][j] = zero8();
  }
  Scales scales[N];
  for (int64_t first = 0; first < units; first += kChunk) {
    const int count = static_cast<int>(smaller<int64_t>(units - first, kChunk));
    const std::byte* chunk[N];
    for (int j = 0; j < N; ++j) {
      chunk[j] = w.chunk(row + j, first);
      for (int line = 0; line < Source::kChunkBytes; line += 64) prefetch(chunk[j] + ahead + line);
      w.scales(row + j, first, count, scales[j]);
    }
    for (int u = 0; u < count; ++u) {
      typename D::X xs[M];
      F8 scale[M], sums[M];
      for (int i = 0; i < M; ++i) {
        xs[i] = D::load_x(x.values + i * k + (first + u) * kUnit);
        scale[i] = set8(read<float>(x.scales + i * units + first + u));
        if constexpr (kKind.offsets) sums[i] = mul8(D::sums(xs[i]), scale[i]);
      }
      for (int j = 0; j < N; ++j) {
        const typename D::W weights = D::load_w(Source::values(chunk[j], u));
        const F8 weight_scale = spread8<kKind.halves>(scales[j].scale, u);
        for (int i = 0; i < M; ++i) {
          total[i][j] = fma8(D::dot(weights, xs[i]), mul8(weight_scale, scale[i]), total[i][j]);
          if constexpr (kKind.offsets)
            total[i][j] = fma8(spread8<kKind.halves>(scales[j].offset, u), sums[i], total[i][j]);
        }
      }
    }
  }
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) write(y + i * ldy + j, sum8(total[i][j]));
  }
}

template <class Source>
void matmul_int8_rows(const Source& w, size_t stride, const Int8Rows& x, float* y, int64_t ldy, int64_t m, int64_t n,
                      int64_t k) {
  constexpr int kColumns = 4;
  for (int64_t j = 0; j < n; j += kColumns) {
    for (int64_t i = 0; i < m; i += kInt8DotRows) {
      with_count<kInt8DotRows>(m - i, [&](auto rows) {
        if (n - j >= kColumns) {
          dot_int8<rows.value, kColumns>(w, stride, j, from_row(x, i, k), y + i * ldy + j, ldy, k);
        } else {
          for (int64_t c = j; c < n; ++c)
            dot_int8<rows.value, 1>(w, stride, c, from_row(x, i, k), y + i * ldy + c, ldy, k);
        }
      });
    }
  }
}

}  // namespace
}  // namespace lophi::cpu
