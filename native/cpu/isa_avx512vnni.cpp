// AVX-512 with VNNI: Intel since Cascade Lake, AMD since Zen 4.
// vpdpbusd multiplies unsigned by signed bytes and sums four products a lane. Weights become unsigned by an offset of 8
// (q4_0 has it already) or 128, whose share is taken off again through sums of the activations.
#include "cpu/isa_common.inl"

#if defined(__x86_64__) || defined(_M_X64)

// clang-format off: each builds on those before it
#include "cpu/isa_vec512.inl"
#include "cpu/isa_rows.inl"
#include "cpu/isa_weights.inl"
#include "cpu/isa_accumulate.inl"
#include "cpu/isa_matmul.inl"
#include "cpu/isa_panel.inl"
#include "cpu/isa_block256.inl"
// clang-format on

namespace lophi::cpu {
namespace {

constexpr int64_t kInt8PanelRows = 3;

// A block in 256 bits against few rows of x.
template <WeightFormat Format, int Offset>
struct Block {
  static constexpr WeightFormat kFormat = Format;
  using W = __m256i;
  struct X {
    __m256i values, offset;  // offset: -Offset * x in sums of four
  };
  static LOPHI_INLINE X load_x(const int8_t* x) {
    const __m256i values = load256(x), none = _mm256_setzero_si256();
    const __m256i offset = _mm256_dpbusd_epi32(none, _mm256_set1_epi8(static_cast<char>(Offset)), values);
    return {values, _mm256_sub_epi32(none, offset)};
  }
  static LOPHI_INLINE W load_w(const std::byte* block) {
    if constexpr (Format == WeightFormat::kQ4_0) {
      return nibbles256(block + 2);
    } else {
      return _mm256_xor_si256(load256(block + 2), _mm256_set1_epi8(static_cast<char>(Offset)));
    }
  }
  static LOPHI_INLINE F8 dot(W w, X x) { return _mm256_cvtepi32_ps(_mm256_dpbusd_epi32(x.offset, w, x.values)); }
};
using Q4Block = Block<WeightFormat::kQ4_0, 8>;
using Q8Block = Block<WeightFormat::kQ8_0, 128>;

// What both panels share: eight vectors a block, each lane four bytes of a row.
template <int Offset>
struct Panel {
  static constexpr int kSteps = 8;
  static constexpr int32_t kOffset = Offset;
  static constexpr bool kWide = false;
  static LOPHI_INLINE I start(int32_t offset) { return set1_32(offset); }
  static LOPHI_INLINE I step(I total, I w, I x) { return _mm512_dpbusd_epi32(total, w, x); }
  static LOPHI_INLINE I finish(I total, int32_t) { return total; }
};
struct Q4Panel : Panel<8> {
  static constexpr WeightFormat kFormat = WeightFormat::kQ4_0;
  static LOPHI_INLINE void pack(const std::byte* const (&rows)[kLanes], int64_t block, I (&out)[kSteps]) {
    pack_nibbles(rows, block + 2, out);
  }
};
struct Q8Panel : Panel<128> {
  static constexpr WeightFormat kFormat = WeightFormat::kQ8_0;
  static LOPHI_INLINE void pack(const std::byte* const (&rows)[kLanes], int64_t block, I (&out)[kSteps]) {
    for (int half = 0; half < 2; ++half) {
      I bytes[4];
      transpose(rows, block + 2 + 16 * half, bytes);
      for (int g = 0; g < 4; ++g) out[4 * half + g] = xor_bits(bytes[g], set1_8(-128));
    }
  }
};

}  // namespace
}  // namespace lophi::cpu

// clang-format off
#include "cpu/isa_matmul_int8.inl"
#include "cpu/isa_panel_int8.inl"
#include "cpu/isa_units.inl"
#include "cpu/isa_widen.inl"
#include "cpu/isa_table.inl"
// clang-format on

const lophi::cpu::Isa* lophi::cpu::isa_avx512vnni() {
  static constexpr Isa kTable = table_of("avx512vnni");
  return &kTable;
}

#else

const lophi::cpu::Isa* lophi::cpu::isa_avx512vnni() { return nullptr; }

#endif
