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

// The same of int4 or int8, of whole units: what changes lanes are dwords of several levels, and not floats.
using PackLevels = void(const WeightRows& w, int64_t rows, int64_t from, int64_t depth, float* to);

template <class Source>
void pack_levels(const WeightRows& w, int64_t rows, int64_t from, int64_t depth, float* to) {
  constexpr int kBytes = kUnit * Source::kBits / 8, kLevels = 32 / Source::kBits, kStrip = kFloatVectors * kLanes;
  constexpr float kMiddle = Source::kMinus ? 1 << (Source::kBits - 1) : 0;
  const I mask = set1_32((1 << Source::kBits) - 1);
  const Source source(w);
  Scales scales[kLanes];
  const std::byte *levels[kLanes], *scale_rows[kLanes], *zero_rows[kLanes];
  for (int r = 0; r < kLanes; ++r) {
    const int64_t row = smaller<int64_t>(r, rows - 1);
    levels[r] = Source::chunk(source.row(row), from / kUnit);
    scale_rows[r] = reinterpret_cast<const std::byte*>(scales[row].scale);
    zero_rows[r] = reinterpret_cast<const std::byte*>(scales[row].offset);
  }
  alignas(64) float factors[4][kLanes], zeros[4][kLanes];  // of four units, a row a lane
  for (int64_t unit = 0; unit < depth / kUnit; ++unit) {
    const auto u = static_cast<int>(unit % kChunk);
    if (u == 0) {
      const auto count = static_cast<int>(smaller<int64_t>(depth / kUnit - unit, kChunk));
      for (int64_t r = 0; r < smaller<int64_t>(rows, kLanes); ++r) {
        const auto row = source.row(r);
        source.scales(row, from / kUnit + unit, count, scales[r]);
        const std::byte* next = Source::chunk(row, from / kUnit + unit) + Source::kChunkBytes;
        for (int line = 0; line < Source::kChunkBytes; line += 64) prefetch(next + line);
      }
    }
    const auto turn = [&](const std::byte* const(&from_rows)[kLanes], float (&to_lanes)[4][kLanes]) {
      I four[4];
      transpose(from_rows, u * 4, four);
      for (int e = 0; e < 4; ++e) store_bits(to_lanes[e], four[e]);
    };
    if (u % 4 == 0) {
      turn(scale_rows, factors);
      if constexpr (Source::kKind.offsets) turn(zero_rows, zeros);
    }
    const F scale = load(factors[u % 4]), zero = Source::kKind.offsets ? load(zeros[u % 4]) : set1(kMiddle);
    for (int part = 0; part < kBytes; part += 16) {
      I dwords[4];
      transpose(levels, unit * kBytes + part, dwords);
      for (I dword : dwords) {
        for (int e = 0; e < kLevels; ++e, to += kStrip, dword = shift_right32<Source::kBits>(dword)) {
          const F level = to_floats(and_bits(dword, mask));
          if constexpr (Source::kKind.offsets && !Source::kSubtracts) {
            store(to, fma(level, scale, zero));
          } else {
            store(to, mul(sub(level, zero), scale));
          }
        }
      }
    }
  }
}

// Null where rows are packed by pack_floats alone.
PackLevels* pack_levels_of(const WeightRows& w) {
  PackLevels* result = nullptr;
  if (is_grouped(w.format))
    with_group_rows(w, [&](auto type) {
      using Source = typename decltype(type)::type::Levels;
      if constexpr (Source::kKind.halves == 1) result = pack_levels<Source>;
    });
  return result;
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
  PackLevels* const levels = pack_levels_of(w);
  auto* panel = reinterpret_cast<float*>(scratch(Slot::kPanel, sizeof(float) * kPanelColumns * kPanelDepth));
  for (int64_t j = 0; j < n; j += kPanelColumns) {
    const int64_t columns = smaller<int64_t>(n - j, kPanelColumns);
    for (int64_t from = 0; from < k; from += kPanelDepth) {
      const int64_t depth = smaller(k - from, kPanelDepth);
      for (int64_t c = 0; c < columns; c += kLanes) {
        float* to = panel + c / kStrip * kStrip * kPanelDepth + c % kStrip;
        if (levels && depth % kUnit == 0)
          levels(from_row(w, j + c), columns - c, from, depth, to);
        else
          pack_floats(from_row(w, j + c), unpack, columns - c, from, depth, to);
      }
      const int64_t tiles =
          (m + kFloatRows - 1) / kFloatRows;  // of nearly one height: a low one multiplies at half the speed
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t i = m * tile / tiles, height = m * (tile + 1) / tiles - i;
        for (int64_t c = 0; c < columns; c += kStrip) {
          const float* strip = panel + c * kPanelDepth;
          with_count<kFloatRows>(height, [&](auto rows) {
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
