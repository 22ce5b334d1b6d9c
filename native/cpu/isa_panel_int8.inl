// Products of many rows of int8 activations: panels as in isa_panel.inl. A panel holds one record per block and strip
// of kInt8Vectors vectors: kSteps times these vectors of dwords (each a few values of one row), then their scales as
// float32.

namespace lophi::cpu {
namespace {

constexpr int64_t kInt8Blocks = 32;  // blocks of k at a time

template <class Q>
constexpr int kStepBytes = kInt8Vectors * kLanes * 4;
template <class Q>
constexpr int64_t kRecordBytes = (Q::kSteps + 1) * kStepBytes<Q>;

// Blocks [from, from + blocks) of kLanes rows: one vector of every record.
template <class Q>
void pack_int8(const std::byte* const (&rows)[kLanes], int64_t from, int64_t blocks, std::byte* to) {
  uint16_t scales[kInt8Blocks][kLanes];
  for (int r = 0; r < kLanes; ++r) {
    for (int64_t b = 0; b < blocks; ++b) scales[b][r] = read<uint16_t>(rows[r] + (from + b) * unit_bytes(Q::kFormat));
  }
  for (int64_t b = 0; b < blocks; ++b, to += kRecordBytes<Q>) {
    I values[Q::kSteps];
    Q::pack(rows, (from + b) * unit_bytes(Q::kFormat), values);
    for (int s = 0; s < Q::kSteps; ++s) store_bits(to + s * kStepBytes<Q>, values[s]);
    store(to + Q::kSteps * kStepBytes<Q>, load_half(scales[b]));
  }
}

// What a tile reads of its rows of x.
struct TileRows {
  const std::byte* values;  // dwords in the order of the steps
  int64_t pitch;            // bytes from row to row
  const float* scales;
  int64_t scale_pitch;
  int32_t offsets[kInt8Rows][kInt8Blocks];  // what takes the offset of the stored weights off again
};

// One tile of y: M rows, the first `columns` lanes of V vectors.
template <class Q, int M, int V>
void multiply_int8(const std::byte* strip, const TileRows& x, int64_t blocks, float* y, int64_t ldy, int64_t columns,
                   bool add_to) {
  F total[M][V];
  for (int i = 0; i < M; ++i) {
    for (int v = 0; v < V; ++v) total[i][v] = zero();
  }
  for (int64_t b = 0; b < blocks; ++b, strip += kRecordBytes<Q>) {
    I products[M][V];
    for (int i = 0; i < M; ++i) {
      for (int v = 0; v < V; ++v) products[i][v] = Q::start(x.offsets[i][b]);
    }
    const std::byte* values = x.values + b * Q::kSteps * 4;
    for (int s = 0; s < Q::kSteps; ++s) {
      I w[V];
      for (int v = 0; v < V; ++v) w[v] = load_bits(strip + s * kStepBytes<Q> + v * kLanes * 4);
      for (int i = 0; i < M; ++i) {
        const I xi = set1_32(read<int32_t>(values + i * x.pitch + s * 4));
        for (int v = 0; v < V; ++v) products[i][v] = Q::step(products[i][v], w[v], xi);
      }
    }
    for (int v = 0; v < V; ++v) {
      const F scale = load(strip + Q::kSteps * kStepBytes<Q> + v * kLanes * 4);
      for (int i = 0; i < M; ++i) {
        const F scaled = mul(to_floats(Q::finish(products[i][v], x.offsets[i][b])), scale);
        total[i][v] = fma(scaled, set1(read<float>(x.scales + i * x.scale_pitch + b)), total[i][v]);
      }
    }
  }
  for (int i = 0; i < M; ++i) store_tile(total[i], y + i * ldy, columns, add_to);
}

template <class Q>
LOPHI_INLINE void prepare_rows(const Int8Rows& x, int64_t row, int64_t count, int64_t from, int64_t blocks, int64_t k,
                               std::byte* wide, TileRows& tile) {
  const int64_t all = k / kUnit;
  const int8_t* values = x.values + row * k + from * kUnit;
  tile.values = Q::kWide ? wide : reinterpret_cast<const std::byte*>(values);
  tile.pitch = Q::kWide ? kInt8Blocks * kUnit * 2 : k;
  tile.scales = x.scales + row * all + from;
  tile.scale_pitch = all;
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t b = 0; b < blocks; ++b) {
      tile.offsets[r][b] = -Q::kOffset * read<int32_t>(x.sums + (row + r) * all + from + b);
      if constexpr (Q::kWide) Q::widen(values + r * k + b * kUnit, wide + r * tile.pitch + b * kUnit * 2);
    }
  }
}

template <class Q>
void matmul_int8_panels(const std::byte* w, size_t stride, const Int8Rows& x, float* y, int64_t ldy, int64_t m,
                        int64_t n, int64_t k) {
  constexpr int kStrip = kInt8Vectors * kLanes;
  constexpr int64_t kStripBytes = kRecordBytes<Q> * kInt8Blocks;
  const int64_t all = k / kUnit;
  std::byte* panel = scratch(Slot::kPanel, kPanelColumns / kStrip * kStripBytes);
  for (int64_t j = 0; j < n; j += kPanelColumns) {
    const int64_t columns = smaller<int64_t>(n - j, kPanelColumns);
    for (int64_t from = 0; from < all; from += kInt8Blocks) {
      const int64_t blocks = smaller(all - from, kInt8Blocks);
      for (int64_t c = 0; c < columns; c += kLanes) {
        const std::byte* rows[kLanes];
        rows_of(w + static_cast<size_t>(j + c) * stride, stride, columns - c, rows);
        pack_int8<Q>(rows, from, blocks, panel + c / kStrip * kStripBytes + c % kStrip * 4);
      }
      for (int64_t i = 0; i < m; i += kInt8Rows) {
        const int64_t count = smaller<int64_t>(m - i, kInt8Rows);
        alignas(64) std::byte wide[kInt8Rows * kInt8Blocks * kUnit * 2];
        TileRows tile;
        prepare_rows<Q>(x, i, count, from, blocks, k, wide, tile);
        for (int64_t c = 0; c < columns; c += kStrip) {
          with_count<kInt8Rows>(count, [&](auto m_count) {
            with_count<kInt8Vectors>((columns - c + kLanes - 1) / kLanes, [&](auto v_count) {
              multiply_int8<Q, m_count.value, v_count.value>(panel + c / kStrip * kStripBytes, tile, blocks,
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
  if (w.format == WeightFormat::kQ4_0) {
    (panels ? matmul_int8_panels<Q4Panel> : matmul_int8_rows<Q4Block>)(w.data, w.stride, x, y, ldy, m, n, k);
  } else {
    (panels ? matmul_int8_panels<Q8Panel> : matmul_int8_rows<Q8Block>)(w.data, w.stride, x, y, ldy, m, n, k);
  }
}

}  // namespace
}  // namespace lophi::cpu
