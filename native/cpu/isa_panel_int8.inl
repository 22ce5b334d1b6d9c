// Products of many rows of int8 activations: panels as in isa_panel.inl. A panel holds one record per unit, or half of
// one that has scales of its own, and strip of kInt8Vectors vectors: these vectors of dwords, each a few values of one
// row, for every step; then of scales as float32, and of offsets where the format has them.
#pragma once
#include "cpu/isa_matmul_int8.inl"
#include "cpu/isa_panel.inl"

namespace lophi::cpu {
namespace {

constexpr int64_t kInt8Units = 32;  // of k at a time: whole chunks
constexpr int kStepBytes = kInt8Vectors * kLanes * 4;

// The records of a source.
template <class Source>
struct Record {
  static constexpr UnitKind kKind = Source::kKind;
  using P = Panel<kKind.top, kKind.minus, kKind.halves>;
  static constexpr int kSteps = P::kSteps / kKind.halves;
  static constexpr int kScale = kSteps * kStepBytes, kOffset = kScale + kStepBytes;
  static constexpr int64_t kBytes = kOffset + (kKind.offsets ? kStepBytes : 0);
  static constexpr int64_t kStripBytes = kBytes * kKind.halves * kInt8Units;
  static constexpr int kCount = kInt8Units * kKind.halves;  // records of a strip
};

// Units [from, from + units) of kLanes rows, of which `rows` exist: one vector of every record.
template <class Source>
void pack_int8(const Source& w, int64_t row, int64_t rows, int64_t from, int64_t units, std::byte* to) {
  using R = Record<Source>;
  constexpr int kHalves = R::kKind.halves;
  alignas(64) std::byte values[kLanes][kUnit];
  Scales scales[kLanes] = {};
  const std::byte *value_rows[kLanes], *scale_rows[kLanes], *chunk[kLanes];
  typename Source::Row w_rows[kLanes];
  for (int64_t r = 0; r < kLanes; ++r) {
    w_rows[r] = w.row(row + smaller(r, rows - 1));  // a row beyond the last repeats it
    value_rows[r] = values[r];
    scale_rows[r] = reinterpret_cast<const std::byte*>(&scales[r]);
  }
  for (int64_t first = 0; first < units; first += kChunk) {
    const int count = static_cast<int>(smaller<int64_t>(units - first, kChunk));
    for (int r = 0; r < kLanes; ++r) {
      chunk[r] = Source::chunk(w_rows[r], from + first);
      for (int line = 0; line < Source::kChunkBytes; line += 64) prefetch(chunk[r] + Source::kChunkBytes + line);
      w.scales(w_rows[r], from + first, count, scales[r]);
    }
    std::byte* record = to + first * kHalves * R::kBytes;
    for (int g = 0; g < count * kHalves; g += 4) {
      I columns[4], offsets[4];
      transpose(scale_rows, g * 4, columns);
      if constexpr (R::kKind.offsets)
        transpose(scale_rows, static_cast<int64_t>(offsetof(Scales, offset)) + g * 4, offsets);
      for (int e = 0; e < 4 && g + e < count * kHalves; ++e) {
        store_bits(record + (g + e) * R::kBytes + R::kScale, columns[e]);
        if constexpr (R::kKind.offsets) store_bits(record + (g + e) * R::kBytes + R::kOffset, offsets[e]);
      }
    }
    for (int u = 0; u < count; ++u) {
      for (int r = 0; r < kLanes; ++r)
        _mm256_store_si256(reinterpret_cast<__m256i*>(values[r]), Source::values(chunk[r], u));
      I steps[R::P::kSteps];
      for (int half = 0; half < 2; ++half) {
        I bytes[4];
        transpose(value_rows, 16 * half, bytes);
        R::P::expand(bytes, half, steps);
      }
      for (int s = 0; s < R::P::kSteps; ++s)
        store_bits(record + (u * kHalves + s / R::kSteps) * R::kBytes + s % R::kSteps * kStepBytes, steps[s]);
    }
  }
}

// What a tile reads of its rows of x.
struct TileRows {
  const std::byte* values;  // dwords in the order of the steps
  int64_t pitch;            // bytes from row to row
  const float* scales;
  int64_t scale_pitch;
  int32_t minus[kInt8Rows][2 * kInt8Units];  // a record's share of what the stored weights have too much
  float sums[kInt8Rows][2 * kInt8Units];     // what a record's offset is multiplied by
};

// One tile of y: M rows, the first `columns` lanes of V vectors.
template <class Source, int M, int V>
void multiply_int8(const std::byte* record, const TileRows& x, int64_t units, float* y, int64_t ldy, int64_t columns,
                   bool add_to) {
  using R = Record<Source>;
  using P = typename R::P;
  F total[M][V];
  for (int i = 0; i < M; ++i) {
    for (int v = 0; v < V; ++v) total[i][v] = zero();
  }
  for (int64_t g = 0; g < units * R::kKind.halves; ++g, record += R::kBytes) {
    I products[M][V];
    for (int i = 0; i < M; ++i) {
      for (int v = 0; v < V; ++v) products[i][v] = P::start(x.minus[i][g]);
    }
    const std::byte* values = x.values + g * R::kSteps * 4;
    for (int s = 0; s < R::kSteps; ++s) {
      I w[V];
      for (int v = 0; v < V; ++v) w[v] = load_bits(record + s * kStepBytes + v * kLanes * 4);
      for (int i = 0; i < M; ++i) {
        const I xi = set1_32(read<int32_t>(values + i * x.pitch + s * 4));
        for (int v = 0; v < V; ++v) products[i][v] = P::step(products[i][v], w[v], xi);
      }
    }
    for (int v = 0; v < V; ++v) {
      const F scale = load(record + R::kScale + v * kLanes * 4);
      for (int i = 0; i < M; ++i) {
        const F scaled = mul(to_floats(P::finish(products[i][v], x.minus[i][g])), scale);
        total[i][v] = fma(scaled, set1(read<float>(x.scales + i * x.scale_pitch + g / R::kKind.halves)), total[i][v]);
      }
      if constexpr (R::kKind.offsets) {
        const F offset = load(record + R::kOffset + v * kLanes * 4);
        for (int i = 0; i < M; ++i) total[i][v] = fma(offset, set1(x.sums[i][g]), total[i][v]);
      }
    }
  }
  for (int i = 0; i < M; ++i) store_tile(total[i], y + i * ldy, columns, add_to);
}

template <class R>
LOPHI_INLINE void prepare_rows(const Int8Rows& x, int64_t row, int64_t count, int64_t from, int64_t units, int64_t k,
                               std::byte* wide, TileRows& tile) {
  using P = typename R::P;
  const int64_t all = k / kUnit;
  const int8_t* values = x.values + row * k + from * kUnit;
  tile.values = P::kWide ? wide : reinterpret_cast<const std::byte*>(values);
  tile.pitch = P::kWide ? kInt8Units * kUnit * 2 : k;
  tile.scales = x.scales + row * all + from;
  tile.scale_pitch = all;
  for (int64_t r = 0; r < count; ++r) {
    const int32_t* sums = x.sums + ((row + r) * all + from) * 2;
    for (int64_t g = 0; g < units * R::kKind.halves; ++g) {
      const int32_t sum = R::kKind.halves == 2 ? read<int32_t>(sums + g)
                                               : read<int32_t>(sums + 2 * g) + read<int32_t>(sums + 2 * g + 1);
      tile.minus[r][g] = -P::kMinus * sum;
      if constexpr (R::kKind.offsets)
        tile.sums[r][g] = static_cast<float>(sum) * read<float>(tile.scales + r * all + g / R::kKind.halves);
    }
    if constexpr (P::kWide) {
      for (int64_t u = 0; u < units; ++u) P::widen(values + r * k + u * kUnit, wide + r * tile.pitch + u * kUnit * 2);
    }
  }
}

template <class Source>
void matmul_int8_panels(const Source& w, const Int8Rows& x, float* y, int64_t ldy, int64_t m, int64_t n, int64_t k) {
  using R = Record<Source>;
  constexpr int kStrip = kInt8Vectors * kLanes;
  const int64_t all = k / kUnit;
  std::byte* panel = scratch(Slot::kPanel, kPanelColumns / kStrip * R::kStripBytes);
  for (int64_t j = 0; j < n; j += kPanelColumns) {
    const int64_t columns = smaller<int64_t>(n - j, kPanelColumns);
    for (int64_t from = 0; from < all; from += kInt8Units) {
      const int64_t units = smaller(all - from, kInt8Units);
      for (int64_t c = 0; c < columns; c += kLanes)
        pack_int8(w, j + c, columns - c, from, units, panel + c / kStrip * R::kStripBytes + c % kStrip * 4);
      for (int64_t i = 0; i < m; i += kInt8Rows) {
        const int64_t count = smaller<int64_t>(m - i, kInt8Rows);
        alignas(64) std::byte wide[R::P::kWide ? kInt8Rows * kInt8Units * kUnit * 2 : 1];
        TileRows tile;
        prepare_rows<R>(x, i, count, from, units, k, wide, tile);
        for (int64_t c = 0; c < columns; c += kStrip) {
          with_count<kInt8Rows>(count, [&](auto m_count) {
            with_count<kInt8Vectors>((columns - c + kLanes - 1) / kLanes, [&](auto v_count) {
              multiply_int8<Source, m_count.value, v_count.value>(panel + c / kStrip * R::kStripBytes, tile, units,
                                                                  y + i * ldy + j + c, ldy, columns - c, from > 0);
            });
          });
        }
      }
    }
  }
}

void matmul_int8(const WeightRows& w, const Int8Rows& x, float* y, int64_t ldy, int64_t m, int64_t n, int64_t k) {
  const bool panels = m >= kInt8PanelRows && n >= kLanes && k > 0;
  with_source(w, [&](const auto& source) {
    if (panels) {
      matmul_int8_panels(source, x, y, ldy, m, n, k);
    } else {
      matmul_int8_rows(source, x, y, ldy, m, n, k);
    }
  });
}

}  // namespace
}  // namespace lophi::cpu
