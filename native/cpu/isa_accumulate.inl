// Attention's probabilities times values: y += p · v with the lanes along the columns of v, which needs no packing.
#pragma once
#include "cpu/isa_weights.inl"

namespace lophi::cpu {
namespace {

// total[M][V] += sum over j < count of x[i*ldx + j] * row(j, v): lanes along the columns of row.
template <int M, int V, class Row>
LOPHI_INLINE void outer_products(F (&total)[M][V], const float* x, int64_t ldx, int64_t count, Row row) {
  for (int64_t j = 0; j < count; ++j) {
    F r[V];
    for (int v = 0; v < V; ++v) r[v] = row(j, v);
    for (int i = 0; i < M; ++i) {
      const F xi = set1(read<float>(x + i * ldx + j));
      for (int v = 0; v < V; ++v) total[i][v] = fma(r[v], xi, total[i][v]);
    }
  }
}

// V vectors of columns, the last of them a Tail or all Full; d: the columns of v.
template <WeightFormat W, int M, int V, class Part>
void accumulate_tile(const std::byte* v, int64_t d, const float* p, int64_t ldp, float* y, int64_t ldy, int64_t l,
                     Part part) {
  F total[M][V];
  for (int i = 0; i < M; ++i) {
    for (int c = 0; c < V; ++c) total[i][c] = load(y + i * ldy + c * kLanes, part);
  }
  outer_products(total, p, ldp, l, [&](int64_t j, int c) LOPHI_INLINE_LAMBDA {
    return load_weights<W>(v + (j * d + c * kLanes) * value_bytes(W), part);
  });
  for (int i = 0; i < M; ++i) {
    for (int c = 0; c < V; ++c) store(y + i * ldy + c * kLanes, total[i][c], part);
  }
}

template <WeightFormat W, int M, int MaxV>
void accumulate_rows(const std::byte* v, const float* p, int64_t ldp, float* y, int64_t ldy, int64_t l, int64_t d) {
  int64_t c = 0;
  while (d - c >= kLanes) {
    const int64_t vectors = smaller<int64_t>((d - c) / kLanes, MaxV);
    with_count<MaxV>(vectors, [&](auto count) {
      accumulate_tile<W, M, count.value>(v + c * value_bytes(W), d, p, ldp, y + c, ldy, l, Full{});
    });
    c += vectors * kLanes;
  }
  if (c < d) accumulate_tile<W, M, 1>(v + c * value_bytes(W), d, p, ldp, y + c, ldy, l, Tail{d - c});
}

template <WeightFormat W>
void accumulate_format(const std::byte* v, const float* p, int64_t ldp, float* y, int64_t ldy, int64_t m, int64_t l,
                       int64_t d) {
  constexpr int kRows = 4, kVectors = kAccumulators / kRows;
  for (int64_t i = 0; i < m; i += kRows) {
    if (m - i == 1) {  // as many independent chains of additions as hide their latency
      accumulate_rows<W, 1, 8>(v, p + i * ldp, ldp, y + i * ldy, ldy, l, d);
    } else {
      with_count<kRows>(m - i, [&](auto rows) {
        accumulate_rows<W, rows.value, kVectors>(v, p + i * ldp, ldp, y + i * ldy, ldy, l, d);
      });
    }
  }
}

void accumulate(DType dtype, const void* v, const float* p, int64_t ldp, float* y, int64_t ldy, int64_t m, int64_t l,
                int64_t d_count) {
  const auto* bytes = static_cast<const std::byte*>(v);
  if (dtype == DType::kFloat16) {
    accumulate_format<WeightFormat::kFloat16>(bytes, p, ldp, y, ldy, m, l, d_count);
  } else {
    accumulate_format<WeightFormat::kFloat32>(bytes, p, ldp, y, ldy, m, l, d_count);
  }
}

}  // namespace
}  // namespace lophi::cpu
