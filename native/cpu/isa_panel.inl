// Products of many float32 rows with a matrix: kPanelColumns rows of w are turned into float32 columns, lanes along n,
// which all rows of x then use. Bound by multiplication.
// Layout of a panel: strips of kFloatVectors vectors, each [k][kFloatVectors * kLanes].
#pragma once
#include "cpu/isa_accumulate.inl"
#include "cpu/isa_unpack.inl"

namespace lophi::cpu {
namespace {

constexpr int kPanelColumns = 64;
constexpr int64_t kPanelDepth = 512;  // of k at a time: a panel of 128 KB stays in the second-level cache

// V vectors of a row of y, of which the first `columns` lanes exist.
template <int V>
LOPHI_INLINE void store_tile(const F (&values)[V], float* y, int64_t columns, bool add_to) {
  for (int v = 0; v < V; ++v) {
    const int64_t rest = columns - v * kLanes;
    float* to = y + v * kLanes;
    if (rest >= kLanes) {
      store(to, add_to ? add(load(to), values[v]) : values[v]);
    } else {
      store(to, add_to ? add(load(to, Tail{rest}), values[v]) : values[v], Tail{rest});
    }
  }
}

// Values [from, from + depth) of kLanes rows as depth vectors, kFloatVectors vectors apart. A row beyond the last, of
// `rows`, repeats it: its results are not stored.
void pack_floats(const WeightRows& w, Unpack* unpack, int64_t rows, int64_t from, int64_t depth, float* to) {
  alignas(64) float values[kLanes][kUnpacked];
  const std::byte* value_rows[kLanes];
  for (int r = 0; r < kLanes; ++r)
    value_rows[r] = reinterpret_cast<const std::byte*>(values[smaller<int64_t>(r, rows - 1)]);
  for (int64_t i = 0; i < depth; i += kUnpacked) {
    const int64_t count = smaller(depth - i, kUnpacked);
    for (int64_t r = 0; r < smaller<int64_t>(rows, kLanes); ++r) unpack(from_row(w, r), from + i, count, values[r]);
    for (int64_t c = 0; c < count; c += 4) {
      I columns[4];
      transpose(value_rows, c * 4, columns);
      for (int e = 0; e < 4; ++e) store_bits(to + (i + c + e) * kFloatVectors * kLanes, columns[e]);
    }
  }
}

// One tile of y: M rows, the first `columns` lanes of V vectors.
template <int M, int V>
void multiply_floats(const float* panel, const float* x, int64_t ldx, int64_t depth, float* y, int64_t ldy,
                     int64_t columns, bool add_to) {
  F total[M][V];
  for (int i = 0; i < M; ++i) {
    for (int v = 0; v < V; ++v) total[i][v] = zero();
  }
  outer_products(total, x, ldx, depth,
                 [&](int64_t j, int v) { return load(panel + (j * kFloatVectors + v) * kLanes); });
  for (int i = 0; i < M; ++i) store_tile(total[i], y + i * ldy, columns, add_to);
}

void matmul_panels(const WeightRows& w, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t m, int64_t n,
                   int64_t k) {
  constexpr int kStrip = kFloatVectors * kLanes;
  Unpack* const unpack = unpack_of(w);
  auto* panel = reinterpret_cast<float*>(scratch(Slot::kPanel, sizeof(float) * kPanelColumns * kPanelDepth));
  for (int64_t j = 0; j < n; j += kPanelColumns) {
    const int64_t columns = smaller<int64_t>(n - j, kPanelColumns);
    for (int64_t from = 0; from < k; from += kPanelDepth) {
      const int64_t depth = smaller(k - from, kPanelDepth);
      for (int64_t c = 0; c < columns; c += kLanes)
        pack_floats(from_row(w, j + c), unpack, columns - c, from, depth,
                    panel + c / kStrip * kStrip * kPanelDepth + c % kStrip);
      for (int64_t i = 0; i < m; i += kFloatRows) {
        for (int64_t c = 0; c < columns; c += kStrip) {
          const float* strip = panel + c * kPanelDepth;
          with_count<kFloatRows>(m - i, [&](auto rows) {
            with_count<kFloatVectors>((columns - c + kLanes - 1) / kLanes, [&](auto vectors) {
              multiply_floats<rows.value, vectors.value>(strip, x + i * ldx + from, ldx, depth, y + i * ldy + j + c,
                                                         ldy, columns - c, from > 0);
            });
          });
        }
      }
    }
  }
}

}  // namespace
}  // namespace lophi::cpu
