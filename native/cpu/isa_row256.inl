// One float32 row times four rows of a quantised matrix, which are unpacked in registers: a unit of 32 bytes is eight
// dwords, and byte e of every dword becomes a vector of eight floats without any move across lanes. x is stored in that
// order. Unsigned bytes even stay where they are in their dword: x is divided by 256^e instead, which is exact; what they
// have too much (`minus`) is taken off through the sums of x.
#pragma once
#include "cpu/isa_formats256.inl"

namespace lophi::cpu {
namespace {

constexpr int kRowColumns = 4;  // rows of w at a time

// A row of x, filled up with zeros to whole units: of each the values 0 4 .. 28, 1 5 .. 29, 2 6 .. 30 and 3 7 .. 31; and
// the sums of its units, or of their halves. For unsigned bytes the second and third vector are divided by 2^8 and 2^16.
struct Transposed {
  const float *values, *sums;
};

template <int Halves, bool Signed>
Transposed transpose_row(const float* x, int64_t k, std::byte* to) {
  const int64_t units = (k + kUnit - 1) / kUnit, chunks = (units + kChunk - 1) / kChunk;
  auto *values = reinterpret_cast<float*>(to), *sums = values + units * kUnit;
  std::memset(sums, 0, static_cast<size_t>(chunks * kChunk * Halves) * sizeof(float));
  for (int64_t u = 0; u < units; ++u) {
    float rest[kUnit] = {};
    const float* from = x + u * kUnit;
    if (k - u * kUnit < kUnit) {
      std::memcpy(rest, from, static_cast<size_t>(k - u * kUnit) * sizeof(float));
      from = rest;
    }
    const F8 a = load8(from), b = load8(from + 8), c = load8(from + 16), d = load8(from + 24);
    // fours that stand four apart, then as usual
    const F8 r0 = _mm256_permute2f128_ps(a, c, 0x20), r1 = _mm256_permute2f128_ps(a, c, 0x31);
    const F8 r2 = _mm256_permute2f128_ps(b, d, 0x20), r3 = _mm256_permute2f128_ps(b, d, 0x31);
    const F8 low01 = _mm256_unpacklo_ps(r0, r1), high01 = _mm256_unpackhi_ps(r0, r1);
    const F8 low23 = _mm256_unpacklo_ps(r2, r3), high23 = _mm256_unpackhi_ps(r2, r3);
    const F8 out[] = {_mm256_shuffle_ps(low01, low23, 0x44), _mm256_shuffle_ps(low01, low23, 0xee),
                      _mm256_shuffle_ps(high01, high23, 0x44), _mm256_shuffle_ps(high01, high23, 0xee)};
    const float factors[] = {1.0f, Signed ? 1.0f : 0x1p-8f, Signed ? 1.0f : 0x1p-16f, 1.0f};
    for (int e = 0; e < 4; ++e) store8(values + u * kUnit + 8 * e, mul8(out[e], set8(factors[e])));
    const F8 four = _mm256_add_ps(_mm256_add_ps(out[0], out[1]), _mm256_add_ps(out[2], out[3]));
    const F8 half = _mm256_hadd_ps(_mm256_hadd_ps(four, four), four);
    const float low = _mm256_cvtss_f32(half), high = _mm_cvtss_f32(_mm256_extractf128_ps(half, 1));
    if constexpr (Halves == 2) {
      write(sums + 2 * u, low);
      write(sums + 2 * u + 1, high);
    } else {
      write(sums + u, low + high);
    }
  }
  return {values, sums};
}
constexpr size_t transposed_bytes(int64_t k) {  // units, and the sums of whole chunks
  return static_cast<size_t>(k + kUnit + (k / kUnit + 1 + kChunk) * 2) * sizeof(float);
}

// Sums of four products of 32 weights with a unit of x.
template <bool Signed>
LOPHI_INLINE F8 dot_floats(__m256i w, const float* x) {
  __m256i level[4];
  if constexpr (Signed) {
    level[0] = _mm256_srai_epi32(_mm256_slli_epi32(w, 24), 24);
    level[1] = _mm256_srai_epi32(_mm256_slli_epi32(w, 16), 24);
    level[2] = _mm256_srai_epi32(_mm256_slli_epi32(w, 8), 24);
    level[3] = _mm256_srai_epi32(w, 24);
  } else {
    for (int e = 0; e < 3; ++e) level[e] = _mm256_and_si256(w, _mm256_set1_epi32(0xff << 8 * e));
    level[3] = _mm256_srli_epi32(w, 24);
  }
  F8 total = mul8(_mm256_cvtepi32_ps(level[0]), load8(x));
  for (int e = 1; e < 4; ++e) total = fma8(_mm256_cvtepi32_ps(level[e]), load8(x + 8 * e), total);
  return total;
}

// y[j] = x · w[row + j], j < kRowColumns
template <class Source>
LOPHI_NO_INLINE void dot_row(const Source& w, int64_t row, const Transposed& x, float* y, int64_t k) {
  constexpr UnitKind kKind = Source::kKind;
  constexpr int kHalves = kKind.halves, kColumns = kUnit / kHalves;
  F8 total[kRowColumns];
  typename Source::Row rows[kRowColumns];
  Scales scales[kRowColumns];
  for (int j = 0; j < kRowColumns; ++j) {
    total[j] = zero8();
    rows[j] = w.row(row + j);
  }
  const auto multiply = [&](int j, int u, __m256i bytes, const float* unit) LOPHI_INLINE_LAMBDA {
    const F8 products = dot_floats<kKind.is_signed()>(bytes, unit);
    total[j] = fma8(products, spread8<kHalves>(scales[j].scale, u), total[j]);
  };
  for (int64_t first = 0; first * kUnit < k; first += kChunk) {
    const int64_t left = k - first * kUnit;
    const int units = static_cast<int>(smaller<int64_t>(left / kUnit, kChunk));
    const int count = static_cast<int>(smaller<int64_t>((left + kColumns - 1) / kColumns, kChunk * kHalves));
    const std::byte* chunk[kRowColumns];
    for (int j = 0; j < kRowColumns; ++j) {
      chunk[j] = Source::chunk(rows[j], first);
      w.prefetch_chunk(rows[j], first, kRowColumns);
      if (count < kChunk * kHalves) scales[j] = {};
      w.scales(rows[j], first, count, scales[j]);
      for (int h = 0; h < kHalves; ++h) {
        const F8 sums = load8(x.sums + first * kHalves + 8 * h);
        if constexpr (kKind.offsets) total[j] = fma8(load8(scales[j].offset + 8 * h), sums, total[j]);
        if constexpr (kKind.minus != 0)
          total[j] = fma8(load8(scales[j].scale + 8 * h), mul8(set8(-kKind.minus), sums), total[j]);
      }
    }
    const float* values = x.values + first * kUnit;
    for (int u = 0; u < units; ++u) {
      for (int j = 0; j < kRowColumns; ++j) multiply(j, u, Source::values(chunk[j], u), values + u * kUnit);
    }
    if constexpr (Source::kGrouped) {
      const int64_t rest = units < kChunk ? left % kUnit : 0;
      for (int j = 0; j < kRowColumns && rest > 0; ++j)
        multiply(j, units, Source::some_values(chunk[j], units, rest), values + units * kUnit);
    }
  }
  for (int j = 0; j < kRowColumns; ++j) write(y + j, sum8(total[j]));
}

// y[n] = x[k] · w[n, k]ᵀ, n a multiple of kRowColumns
void matmul_row(const WeightRows& w, const float* x, float* y, int64_t n, int64_t k) {
  const auto product = [&](const auto& source) {
    constexpr UnitKind kKind = std::remove_reference_t<decltype(source)>::kKind;
    const Transposed row =
        transpose_row<kKind.halves, kKind.is_signed()>(x, k, scratch(Slot::kRow, transposed_bytes(k)));
    for (int64_t j = 0; j < n; j += kRowColumns) dot_row(source, j, row, y + j, k);
  };
  if (is_grouped(w.format) && w.group == kUnit / 2) return with_groups<2>(w, product);
  with_source(w, product);
}

}  // namespace
}  // namespace lophi::cpu
