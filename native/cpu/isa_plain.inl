// Products with int8 activations as plain loops: what any processor runs.
#pragma once
#include "cpu/isa_quantize.inl"
#include "cpu/isa_units.inl"

namespace lophi::cpu {
namespace {

// Unit `index` of a row of int4 or int8: zero points as an offset, so that q fits into a byte.
template <int Bits>
void read_group_unit(const WeightRows& w, int64_t index, Unit& u) {
  constexpr int kZero = Bits == 4 ? 8 : 128;
  const auto* q = reinterpret_cast<const uint8_t*>(w.data) + index * (kUnit * Bits / 8);
  for (int i = 0; i < kUnit; ++i)
    u.q[i] = static_cast<int8_t>((Bits == 4 ? q[i / 2] >> (i % 2 * 4) & 15 : q[i]) - kZero);
  const int64_t group = index * kUnit / w.group;
  const float scale = float_at(w.scale_type, w.scales, group);
  for (int half = 0; half < 2; ++half) {
    u.scale[half] = scale;
    u.offset[half] = offset_at<Bits>(w, w.zeros, group, scale);
  }
}

LOPHI_INLINE void read_row_unit(const WeightRows& w, int64_t index, Unit& u) {
  if (w.format == WeightFormat::kInt4) return read_group_unit<4>(w, index, u);
  if (w.format == WeightFormat::kInt8) return read_group_unit<8>(w, index, u);
  with_format<WeightFormat::kQ8_0, WeightFormat::kIq4Xs>(w.format, [&](auto f) {
    constexpr int kUnits = info_of(f.value).block / kUnit;
    read_unit<f.value>(w.data + index / kUnits * info_of(f.value).bytes, static_cast<int>(index % kUnits), u);
  });
}

void matmul_int8(const WeightRows& w, const Int8Rows& x, float* y, int64_t ldy, int64_t m, int64_t n, int64_t k) {
  for (int64_t j = 0; j < n; ++j) {
    const WeightRows row = from_row(w, j);
    for (int64_t i = 0; i < m; ++i) write(y + i * ldy + j, 0.0f);
    for (int64_t b = 0; b < k / kUnit; ++b) {
      Unit u;
      read_row_unit(row, b, u);
      for (int64_t i = 0; i < m; ++i) {
        const Int8Rows xi = from_row(x, i, k);
        const int8_t* values = xi.values + b * kUnit;
        float total = 0;
        for (int half = 0; half < 2; ++half) {
          int32_t product = 0;
          for (int c = 16 * half; c < 16 * half + 16; ++c) product += u.q[c] * values[c];
          total += u.scale[half] * static_cast<float>(product) +
                   u.offset[half] * static_cast<float>(read<int32_t>(xi.sums + 2 * b + half));
        }
        float* to = y + i * ldy + j;
        write(to, read<float>(to) + total * read<float>(xi.scales + b));
      }
    }
  }
}

}  // namespace
}  // namespace lophi::cpu
