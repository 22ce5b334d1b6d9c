// Products of a few rows of int8 activations with q8_0 and q4_0: integers are summed exactly over each block of 32,
// then scaled. Rows as in isa_matmul.inl.

namespace lophi::cpu {
namespace {

// One row; a group with a NaN or an infinity gets the scale NaN, one below 2^-120 becomes zero.
void quantize_int8(const float* x, int64_t k, int8_t* values, float* scales, int32_t* sums) {
  for (int64_t b = 0; b < k / kUnit; ++b) {
    const int32_t bits = largest_bits(x + b * kUnit);
    const float largest = read<float>(&bits);
    if (bits >= 0x7f800000 || largest < 0x1p-120f) {
      std::memset(values + b * kUnit, 0, kUnit);
      write(scales + b, bits >= 0x7f800000 ? kNan : 0.0f);
      write(sums + b, int32_t{0});
    } else {
      write(sums + b, round_int8(x + b * kUnit, 127.0f / largest, values + b * kUnit));
      write(scales + b, largest / 127.0f);
    }
  }
}

// y[M, N] = x[M, k] · w[N, k]ᵀ; x begins with the first of the M rows
template <class Q, int M, int N>
void dot_int8(const std::byte* w, size_t stride, const Int8Rows& x, float* y, int64_t ldy, int64_t k) {
  const int64_t blocks = k / kUnit;
  const size_t ahead = prefetch_distance(N * stride);
  F8 total[M][N];
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) total[i][j] = zero8();
  }
  for (int64_t b = 0; b < blocks; ++b) {
    typename Q::X xs[M];
    F8 scale[M];
    for (int i = 0; i < M; ++i) {
      xs[i] = Q::load_x(x.values + i * k + b * kUnit);
      scale[i] = set8(read<float>(x.scales + i * blocks + b));
    }
    for (int j = 0; j < N; ++j) {
      const std::byte* block = w + static_cast<size_t>(j) * stride + b * unit_bytes(Q::kFormat);
      prefetch(block + ahead);
      const typename Q::W weights = Q::load_w(block);
      const F8 weight_scale = half8(block);
      for (int i = 0; i < M; ++i) total[i][j] = fma8(Q::dot(weights, xs[i]), mul8(weight_scale, scale[i]), total[i][j]);
    }
  }
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) write(y + i * ldy + j, sum8(total[i][j]));
  }
}

// The rows from row i on.
LOPHI_INLINE Int8Rows from_row(const Int8Rows& x, int64_t i, int64_t k) {
  return {x.values + i * k, x.scales + i * (k / kUnit), x.sums + i * (k / kUnit)};
}

template <class Q>
void matmul_int8_rows(const std::byte* w, size_t stride, const Int8Rows& x, float* y, int64_t ldy, int64_t m, int64_t n,
                      int64_t k) {
  constexpr int kColumns = 4;
  for (int64_t j = 0; j < n; j += kColumns) {
    const std::byte* row = w + static_cast<size_t>(j) * stride;
    for (int64_t i = 0; i < m; i += kInt8DotRows) {
      with_count<kInt8DotRows>(m - i, [&](auto rows) {
        if (n - j >= kColumns) {
          dot_int8<Q, rows.value, kColumns>(row, stride, from_row(x, i, k), y + i * ldy + j, ldy, k);
        } else {
          for (int64_t c = 0; c < n - j; ++c) {
            dot_int8<Q, rows.value, 1>(row + static_cast<size_t>(c) * stride, stride, from_row(x, i, k),
                                       y + i * ldy + j + c, ldy, k);
          }
        }
      });
    }
  }
}

}  // namespace
}  // namespace lophi::cpu
