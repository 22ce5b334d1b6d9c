// Exact int8 dot products out of vpmaddubsw and vpmaddwd, for processors without VNNI.
// A nibble times an activation is at most 15 * 127, so that 16 such products fit into 16 bits; q8_0's do not (and -128
// occurs), so they are multiplied as 16-bit numbers.

namespace lophi::cpu {
namespace {

constexpr int64_t kInt8PanelRows = 6;

struct Q4Block {
  static constexpr WeightFormat kFormat = WeightFormat::kQ4_0;
  using W = __m256i;
  struct X {
    __m256i values, offset;  // offset: 8 * x in sums of two, for weights are stored plus 8
  };
  static LOPHI_INLINE X load_x(const int8_t* x) {
    const __m256i values = load256(x);
    return {values, _mm256_maddubs_epi16(_mm256_set1_epi8(8), values)};
  }
  static LOPHI_INLINE W load_w(const std::byte* block) { return nibbles256(block + 2); }
  static LOPHI_INLINE F8 dot(W w, X x) {
    const __m256i pairs = _mm256_sub_epi16(_mm256_maddubs_epi16(w, x.values), x.offset);
    return _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

struct Q8Block {
  static constexpr WeightFormat kFormat = WeightFormat::kQ8_0;
  struct W {
    __m256i low, high;  // 16 numbers of 16 bits each
  };
  using X = W;
  static LOPHI_INLINE W widen(const void* p) {
    const auto* halves = static_cast<const __m128i*>(p);
    return {_mm256_cvtepi8_epi16(_mm_loadu_si128(halves)), _mm256_cvtepi8_epi16(_mm_loadu_si128(halves + 1))};
  }
  static LOPHI_INLINE X load_x(const int8_t* x) { return widen(x); }
  static LOPHI_INLINE W load_w(const std::byte* block) { return widen(block + 2); }
  static LOPHI_INLINE F8 dot(W w, X x) {
    return _mm256_cvtepi32_ps(_mm256_add_epi32(_mm256_madd_epi16(w.low, x.low), _mm256_madd_epi16(w.high, x.high)));
  }
};

struct Q4Panel {
  static constexpr WeightFormat kFormat = WeightFormat::kQ4_0;
  static constexpr int kSteps = 8;       // vectors of a block; each lane holds 4 bytes of a row
  static constexpr int32_t kOffset = 8;  // added to the weights
  static constexpr bool kWide = false;   // activations stay int8
  static LOPHI_INLINE I start(int32_t) { return set1_32(0); }
  static LOPHI_INLINE I step(I total, I w, I x) { return add16(total, madd_u8_s8(w, x)); }
  static LOPHI_INLINE I finish(I total, int32_t offset) { return add32(madd16(total, set1_16(1)), set1_32(offset)); }
  static LOPHI_INLINE void pack(const std::byte* const (&rows)[kLanes], int64_t block, I (&out)[kSteps]) {
    pack_nibbles(rows, block + 2, out);
  }
};

struct Q8Panel {
  static constexpr WeightFormat kFormat = WeightFormat::kQ8_0;
  static constexpr int kSteps = 16;  // each lane holds two 16-bit numbers of a row
  static constexpr int32_t kOffset = 0;
  static constexpr bool kWide = true;  // activations too: see widen
  static LOPHI_INLINE I start(int32_t) { return set1_32(0); }
  static LOPHI_INLINE I step(I total, I w, I x) { return add32(total, madd16(w, x)); }
  static LOPHI_INLINE I finish(I total, int32_t) { return total; }
  // Bytes 0 and 2 of every lane, then bytes 1 and 3: shifts are cheaper than putting neighbours together.
  static LOPHI_INLINE void pack(const std::byte* const (&rows)[kLanes], int64_t block, I (&out)[kSteps]) {
    for (int half = 0; half < 2; ++half) {
      I bytes[4];
      transpose(rows, block + 2 + 16 * half, bytes);
      for (int g = 0; g < 4; ++g) {
        out[4 * half + g] = shift_right_signed16<8>(shift_left16<8>(bytes[g]));
        out[4 * half + g + 8] = shift_right_signed16<8>(bytes[g]);
      }
    }
  }
  // 32 activations in the order of pack.
  static LOPHI_INLINE void widen(const int8_t* x, std::byte* to) {
    const __m256i bytes = load256(x);
    auto* out = reinterpret_cast<__m256i*>(to);
    _mm256_storeu_si256(out, _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8));
    _mm256_storeu_si256(out + 1, _mm256_srai_epi16(bytes, 8));
  }
};

}  // namespace
}  // namespace lophi::cpu
