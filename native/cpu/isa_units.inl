// Units of 32 weights: what every block format of GGUF comes down to. Layouts: ggml's block formats.
#pragma once
#include "cpu/isa_weights.inl"

namespace lophi::cpu {
namespace {

// Values are scale * q + offset, with a scale and an offset for each half. Both products are exact in float32, so that
// fused or not they give the same. An offset of -0 changes nothing, not even the sign of a zero.
struct Unit {
  alignas(32) int8_t q[kUnit];
  float scale[2], offset[2];
};

LOPHI_INLINE void set_halves(Unit& u, float scale, float offset = -0.0f) {
  u.scale[0] = u.scale[1] = scale;
  u.offset[0] = u.offset[1] = offset;
}

// 16 bytes: low nibbles first; `high` is a bit more for each value.
LOPHI_INLINE void read_nibbles(const uint8_t* from, int8_t (&q)[kUnit], int minus = 0) {
  for (int i = 0; i < 16; ++i) {
    q[i] = static_cast<int8_t>((from[i] & 15) - minus);
    q[i + 16] = static_cast<int8_t>((from[i] >> 4) - minus);
  }
}
LOPHI_INLINE void read_five_bits(const uint8_t* from, uint32_t high, int8_t (&q)[kUnit], int minus) {
  for (int i = 0; i < 16; ++i) {
    q[i] = static_cast<int8_t>(((from[i] & 15) | (high >> i & 1) << 4) - static_cast<uint32_t>(minus));
    q[i + 16] = static_cast<int8_t>(((from[i] >> 4) | (high >> (i + 16) & 1) << 4) - static_cast<uint32_t>(minus));
  }
}

constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
LOPHI_INLINE void read_table(const uint8_t* from, int8_t (&q)[kUnit]) {
  for (int i = 0; i < 16; ++i) {
    q[i] = kIq4Values[from[i] & 15];
    q[i + 16] = kIq4Values[from[i] >> 4];
  }
}

// Scale and minimum of unit g in the 12 bytes of 6-bit numbers of q4_k and q5_k.
LOPHI_INLINE void read_scales(const uint8_t* s, int g, const std::byte* block, Unit& u) {
  const int scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
  const int minimum = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4;
  set_halves(u, half1(block) * static_cast<float>(scale), -(half1(block + 2) * static_cast<float>(minimum)));
}

constexpr int block_values(WeightFormat format) {
  const bool small = format <= WeightFormat::kQ5_1 || format == WeightFormat::kIq4Nl;
  return small ? 32 : 256;
}

// Unit g of a block.
template <WeightFormat W>
LOPHI_INLINE void read_unit(const std::byte* block, int g, Unit& u) {
  const auto* b = reinterpret_cast<const uint8_t*>(block);
  if constexpr (W == WeightFormat::kQ8_0) {
    set_halves(u, half1(b));
    std::memcpy(u.q, b + 2, kUnit);
  } else if constexpr (W == WeightFormat::kQ4_0) {
    set_halves(u, half1(b));
    read_nibbles(b + 2, u.q, 8);
  } else if constexpr (W == WeightFormat::kQ4_1) {
    set_halves(u, half1(b), half1(b + 2));
    read_nibbles(b + 4, u.q);
  } else if constexpr (W == WeightFormat::kQ5_0) {
    set_halves(u, half1(b));
    read_five_bits(b + 6, read<uint32_t>(b + 2), u.q, 16);
  } else if constexpr (W == WeightFormat::kQ5_1) {
    set_halves(u, half1(b), half1(b + 2));
    read_five_bits(b + 8, read<uint32_t>(b + 4), u.q, 0);
  } else if constexpr (W == WeightFormat::kIq4Nl) {
    set_halves(u, half1(b));
    read_table(b + 2, u.q);
  } else if constexpr (W == WeightFormat::kQ2K) {
    for (int h = 0; h < 2; ++h) {
      u.scale[h] = half1(b + 80) * static_cast<float>(b[2 * g + h] & 15);
      u.offset[h] = -(half1(b + 82) * static_cast<float>(b[2 * g + h] >> 4));
    }
    const uint8_t* qs = b + 16 + g / 4 * 32;
    for (int i = 0; i < kUnit; ++i) u.q[i] = static_cast<int8_t>(qs[i] >> (2 * (g % 4)) & 3);
  } else if constexpr (W == WeightFormat::kQ3K) {
    const uint8_t* s = b + 96;
    for (int h = 0; h < 2; ++h) {
      const int j = 2 * g + h;
      const int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4, high = s[8 + j % 4] >> (2 * (j / 4)) & 3;
      u.scale[h] = half1(b + 108) * static_cast<float>((low | high << 4) - 32);
      u.offset[h] = -0.0f;
    }
    const uint8_t* qs = b + 32 + g / 4 * 32;
    for (int i = 0; i < kUnit; ++i)
      u.q[i] = static_cast<int8_t>((qs[i] >> (2 * (g % 4)) & 3) + (b[i] >> g & 1) * 4 - 4);
  } else if constexpr (W == WeightFormat::kQ4K) {
    read_scales(b + 4, g, block, u);
    const uint8_t* qs = b + 16 + g / 2 * 32;
    for (int i = 0; i < kUnit; ++i) u.q[i] = static_cast<int8_t>(qs[i] >> (4 * (g % 2)) & 15);
  } else if constexpr (W == WeightFormat::kQ5K) {
    read_scales(b + 4, g, block, u);
    const uint8_t *qh = b + 16, *qs = b + 48 + g / 2 * 32;
    for (int i = 0; i < kUnit; ++i) u.q[i] = static_cast<int8_t>((qs[i] >> (4 * (g % 2)) & 15) + (qh[i] >> g & 1) * 16);
  } else if constexpr (W == WeightFormat::kQ6K) {
    const int h = g / 4, k = g % 4;
    for (int half = 0; half < 2; ++half) {
      u.scale[half] = half1(b + 208) * static_cast<float>(static_cast<int8_t>(b[192 + 2 * g + half]));
      u.offset[half] = -0.0f;
    }
    const uint8_t *ql = b + 64 * h + 32 * (k % 2), *qh = b + 128 + 32 * h;
    for (int i = 0; i < kUnit; ++i)
      u.q[i] = static_cast<int8_t>((ql[i] >> (4 * (k / 2)) & 15) + (qh[i] >> (2 * k) & 3) * 16 - 32);
  } else {
    static_assert(W == WeightFormat::kIq4Xs);
    const int low = b[4 + g / 2] >> (4 * (g % 2)) & 15, high = read<uint16_t>(b + 2) >> (2 * g) & 3;
    set_halves(u, half1(b) * static_cast<float>((low | high << 4) - 32));
    read_table(b + 8 + 16 * g, u.q);
  }
}

template <WeightFormat W>
void dequantize_units(const std::byte* row, float* to, int64_t n) {
  constexpr int kUnits = block_values(W) / kUnit;
  Unit unit;
  alignas(64) float values[kUnit];
  for (int64_t i = 0; i < n; i += kUnit) {
    const int64_t index = i / kUnit;
    read_unit<W>(row + index / kUnits * info_of(W).bytes, static_cast<int>(index % kUnits), unit);
    for (int v = 0; v < kUnit; v += kLanes) {
      const int half = v / 16;
      store(values + v, fma(load_int8(unit.q + v), set1(unit.scale[half]), set1(unit.offset[half])));
    }
    std::memcpy(to + i, values, static_cast<size_t>(smaller<int64_t>(n - i, kUnit)) * sizeof(float));
  }
}

// Calls body with the Format of a block format.
template <class Body>
LOPHI_INLINE void with_blocks(WeightFormat format, Body body) {
  switch (format) {
    case WeightFormat::kQ8_0:
      return body(Format<WeightFormat::kQ8_0>{});
    case WeightFormat::kQ4_0:
      return body(Format<WeightFormat::kQ4_0>{});
    case WeightFormat::kQ4_1:
      return body(Format<WeightFormat::kQ4_1>{});
    case WeightFormat::kQ5_0:
      return body(Format<WeightFormat::kQ5_0>{});
    case WeightFormat::kQ5_1:
      return body(Format<WeightFormat::kQ5_1>{});
    case WeightFormat::kQ2K:
      return body(Format<WeightFormat::kQ2K>{});
    case WeightFormat::kQ3K:
      return body(Format<WeightFormat::kQ3K>{});
    case WeightFormat::kQ4K:
      return body(Format<WeightFormat::kQ4K>{});
    case WeightFormat::kQ5K:
      return body(Format<WeightFormat::kQ5K>{});
    case WeightFormat::kQ6K:
      return body(Format<WeightFormat::kQ6K>{});
    case WeightFormat::kIq4Nl:
      return body(Format<WeightFormat::kIq4Nl>{});
    case WeightFormat::kIq4Xs:
      return body(Format<WeightFormat::kIq4Xs>{});
    default:
      return;
  }
}

// ---- int4 and int8: groups of any size

LOPHI_INLINE float float_at(DType dtype, const std::byte* from, int64_t index) {
  if (dtype == DType::kFloat32) return read<float>(from + 4 * index);
  if (dtype == DType::kFloat16) return half1(from + 2 * index);
  const uint32_t bits = static_cast<uint32_t>(read<uint16_t>(from + 2 * index)) << 16;
  return read<float>(&bits);
}

template <int Bits>
LOPHI_INLINE float zero_at(const WeightRows& w, const std::byte* row, int64_t group) {
  if (is_float(w.zero_type)) return float_at(w.scale_type, row, group);
  if (w.zero_type == ZeroType::kNone) return Bits == 4 ? 8.0f : 128.0f;
  const auto* zeros = reinterpret_cast<const uint8_t*>(row);
  return static_cast<float>(Bits == 4 ? zeros[group / 2] >> (group % 2 * 4) & 15 : zeros[group]);
}

// What is added to (q - middle) * scale of a group, so that q fits into a byte with a sign.
template <int Bits>
LOPHI_INLINE float offset_at(const WeightRows& w, const std::byte* row, int64_t group, float scale) {
  constexpr float kMiddle = Bits == 4 ? 8.0f : 128.0f;
  const float zero = zero_at<Bits>(w, row, group);
  return w.zero_type == ZeroType::kOffset ? kMiddle * scale + zero : (kMiddle - zero) * scale;
}

template <int Bits>
void dequantize_groups(const WeightRows& w, float* to, int64_t n) {
  const auto* q = reinterpret_cast<const uint8_t*>(w.data);
  for (int64_t b = 0, first = 0; first < n; ++b, first += w.group) {
    const float scale = float_at(w.scale_type, w.scales, b), zero = zero_at<Bits>(w, w.zeros, b);
    const int64_t count = smaller(w.group, n - first);
    const bool offset = w.zero_type == ZeroType::kOffset;
    const auto put = [&](int64_t i, int level) {
      const auto q = static_cast<float>(level);
      write(to + first + i, offset ? q * scale + zero : (q - zero) * scale);
    };
    if constexpr (Bits == 8) {
      for (int64_t i = 0; i < count; ++i) put(i, q[first + i]);
    } else {  // a group begins at a whole byte
      const uint8_t* pairs = q + first / 2;
      for (int64_t i = 0; i < count / 2; ++i) {
        put(2 * i, pairs[i] & 15);
        put(2 * i + 1, pairs[i] >> 4);
      }
      if (count % 2) put(count - 1, pairs[count / 2] & 15);
    }
  }
}

void dequantize(const WeightRows& w, float* to, int64_t n) {
  if (w.format == WeightFormat::kInt4) return dequantize_groups<4>(w, to, n);
  if (w.format == WeightFormat::kInt8) return dequantize_groups<8>(w, to, n);
  if (is_direct(w.format)) return with_format(w.format, [&](auto f) { dequantize_format<f.value>(w.data, to, n); });
  with_blocks(w.format, [&](auto f) { dequantize_units<f.value>(w.data, to, n); });
}

LOPHI_INLINE WeightRows from_row(WeightRows w, int64_t row) {
  const auto r = static_cast<size_t>(row);
  w.data += r * w.stride;
  if (w.scales) w.scales += r * w.scale_stride;
  if (w.zeros) w.zeros += r * w.zero_stride;
  return w;
}

}  // namespace
}  // namespace lophi::cpu
