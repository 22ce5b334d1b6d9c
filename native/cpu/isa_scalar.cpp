// The instruction set of any processor, and the plain version of every primitive.
#include "cpu/isa_common.inl"

// clang-format off: each builds on those before it
#include "cpu/isa_vec128.inl"
#include "cpu/isa_rows.inl"
#include "cpu/isa_weights.inl"
#include "cpu/isa_accumulate.inl"
#include "cpu/isa_matmul.inl"
// clang-format on

namespace lophi::cpu {
namespace {

// ---- a block of 32 int8 weights times 32 int8 activations: one lane is enough

using F8 = float;
LOPHI_INLINE F8 zero8() { return 0.0f; }
LOPHI_INLINE F8 set8(float x) { return x; }
LOPHI_INLINE F8 mul8(F8 a, F8 b) { return a * b; }
LOPHI_INLINE F8 fma8(F8 a, F8 b, F8 c) { return a * b + c; }
LOPHI_INLINE F8 half8(const void* p) { return half_to_float(read<uint16_t>(p)); }
LOPHI_INLINE float sum8(F8 a) { return a; }

// max |x| of 32 floats, as bits: NaN is larger than every number.
LOPHI_INLINE int32_t largest_bits(const float* x) {
  int32_t top = 0;
  for (int i = 0; i < kUnit; ++i) {
    const int32_t bits = read<int32_t>(x + i) & 0x7fffffff;
    top = bits > top ? bits : top;
  }
  return top;
}

// values = x * factor to the nearest even; returns their sum.
LOPHI_INLINE int32_t round_int8(const float* x, float factor, int8_t* values) {
  int32_t total = 0;
  for (int i = 0; i < kUnit; ++i) {
    values[i] = static_cast<int8_t>(round1(read<float>(x + i) * factor));
    total += values[i];
  }
  return total;
}

template <WeightFormat Format>
struct Block {
  static constexpr WeightFormat kFormat = Format;
  using X = const int8_t*;
  struct W {
    int8_t values[kUnit];
  };
  static LOPHI_INLINE X load_x(const int8_t* x) { return x; }
  static LOPHI_INLINE W load_w(const std::byte* block) {
    W w;
    if constexpr (Format == WeightFormat::kQ4_0) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block + 2);
      for (int i = 0; i < 16; ++i) {
        w.values[i] = static_cast<int8_t>((bytes[i] & 15) - 8);
        w.values[i + 16] = static_cast<int8_t>((bytes[i] >> 4) - 8);
      }
    } else {
      std::memcpy(w.values, block + 2, kUnit);
    }
    return w;
  }
  static LOPHI_INLINE F8 dot(const W& w, X x) {
    int32_t total = 0;
    for (int i = 0; i < kUnit; ++i) total += w.values[i] * x[i];
    return static_cast<float>(total);
  }
};

}  // namespace
}  // namespace lophi::cpu

#include "cpu/isa_matmul_int8.inl"

namespace lophi::cpu {
namespace {

void matmul_direct(const WeightRows& w, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t m, int64_t n,
                   int64_t k) {
  with_format(w.format, [&](auto f) { matmul_rows<f.value>(w.data, w.stride, x, ldx, y, ldy, m, n, k); });
}

void matmul_int8(const WeightRows& w, const Int8Rows& x, float* y, int64_t ldy, int64_t m, int64_t n, int64_t k) {
  const bool q4 = w.format == WeightFormat::kQ4_0;
  (q4 ? matmul_int8_rows<Block<WeightFormat::kQ4_0>>
      : matmul_int8_rows<Block<WeightFormat::kQ8_0>>)(w.data, w.stride, x, y, ldy, m, n, k);
}

}  // namespace
}  // namespace lophi::cpu

// clang-format off
#include "cpu/isa_units.inl"
#include "cpu/isa_widen.inl"
#include "cpu/isa_table.inl"
// clang-format on

const lophi::cpu::Isa* lophi::cpu::isa_scalar() {
  static constexpr Isa kTable = table_of("scalar");
  return &kTable;
}
