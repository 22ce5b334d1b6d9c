#include "core/form.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace lophi {
namespace {

constexpr int8_t kIq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Blocks of 32 values: a float16 scale, and maybe a float16 offset.
Form block32(Levels levels, int zero, Shift shift = Shift::kNone) {
  Form form;
  form.levels = levels;
  form.zero = zero;
  form.group = 32;
  form.shift = shift;
  return form;
}

// Blocks of 256 values, whose groups have scales of a few bits, and maybe minima of as many.
Form block256(Levels levels, int zero, int64_t group, Levels scale_levels, int scale_zero, bool minima = false) {
  Form form = block32(levels, zero, minima ? Shift::kMinima : Shift::kNone);
  form.group = group;
  form.super = static_cast<int>(256 / group);
  form.scale_levels = scale_levels;
  form.scale_zero = scale_zero;
  if (minima) form.shift_levels = scale_levels;
  return form;
}

Form with_codebook(Form form) {
  form.codebook = kIq4;
  return form;
}

Form floats(DType type) {
  Form form;
  form.floats = true;
  form.type = type;
  return form;
}

Form grouped(const WeightPart& part) {
  const WeightGroups& groups = part.groups;
  const uint8_t bits = part.format == WeightFormat::kInt4 ? 4 : 8;
  Form form;
  form.levels = {bits, 0};
  form.group = groups.size;
  form.scale_type = groups.scale_type;
  switch (groups.zero_type) {
    case ZeroType::kNone:
      form.zero = 1 << (bits - 1);
      break;
    case ZeroType::kPacked:
      form.shift = Shift::kZeros;
      form.shift_levels = form.levels;
      break;
    case ZeroType::kFloat:
      form.shift = Shift::kFloatZeros;
      break;
    case ZeroType::kOffset:
      form.shift = Shift::kOffsets;
  }
  return form;
}

int64_t ceil_div(int64_t count, int64_t size) { return (count + size - 1) / size; }
size_t plane_bytes(int64_t count, unsigned bits) { return (static_cast<size_t>(count) * bits + 7) / 8; }

unsigned bits_at(const uint8_t* plane, unsigned bits, int64_t i) {
  const auto at = static_cast<size_t>(i) * bits;
  return plane[at / 8] >> at % 8 & ((1u << bits) - 1);
}

int level_at(const Levels& levels, const uint8_t* low, const uint8_t* high, int64_t i) {
  unsigned level = bits_at(low, levels.low, i);
  if (levels.high) level |= bits_at(high, levels.high, i) << levels.low;
  return static_cast<int>(level);
}

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = bits >> 10 & 0x1f, mantissa = bits & 0x3ff;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13);
  if (exponent) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float value = static_cast<float>(mantissa) * 0x1p-24f;
  return sign ? -value : value;
}

float float_at(DType type, const uint8_t* data, int64_t i) {
  if (type == DType::kFloat32) {
    float value;
    std::memcpy(&value, data + i * 4, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, data + i * 2, 2);
  return type == DType::kFloat16 ? half_to_float(bits) : std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

}  // namespace

Form form_of(const WeightPart& part) {
  switch (part.format) {
    case WeightFormat::kFloat32:
      return floats(DType::kFloat32);
    case WeightFormat::kFloat16:
      return floats(DType::kFloat16);
    case WeightFormat::kBfloat16:
      return floats(DType::kBfloat16);
    case WeightFormat::kQ8_0:
      return block32({8}, 128);
    case WeightFormat::kQ4_0:
      return block32({4}, 8);
    case WeightFormat::kQ4_1:
      return block32({4}, 0, Shift::kOffsets);
    case WeightFormat::kQ5_0:
      return block32({4, 1}, 16);
    case WeightFormat::kQ5_1:
      return block32({4, 1}, 0, Shift::kOffsets);
    case WeightFormat::kQ2K:
      return block256({2}, 0, 16, {4}, 0, true);
    case WeightFormat::kQ3K:
      return block256({2, 1}, 4, 16, {4, 2}, 32);
    case WeightFormat::kQ4K:
      return block256({4}, 0, 32, {4, 2}, 0, true);
    case WeightFormat::kQ5K:
      return block256({4, 1}, 0, 32, {4, 2}, 0, true);
    case WeightFormat::kQ6K:
      return block256({4, 2}, 32, 16, {8}, 128);
    case WeightFormat::kIq4Nl:
      return with_codebook(block32({4}, 0));
    case WeightFormat::kIq4Xs:
      return with_codebook(block256({4}, 0, 32, {4, 2}, 32));
    case WeightFormat::kInt4:
    case WeightFormat::kInt8:
      break;
  }
  return grouped(part);
}

size_t section_bytes(const Form& form, Section section, int64_t columns) {
  if (form.floats) return section == kLow ? bytes_of(form.type, columns) : 0;
  const int64_t groups = ceil_div(columns, form.group);
  const size_t floats = bytes_of(form.scale_type, ceil_div(groups, form.super));
  const bool float_shift =
      form.shift == Shift::kFloatZeros || form.shift == Shift::kOffsets || form.shift == Shift::kMinima;
  switch (section) {
    case kLow:
      return plane_bytes(columns, form.levels.low);
    case kHigh:
      return plane_bytes(columns, form.levels.high);
    case kScales:
      return floats;
    case kScaleLow:
      return plane_bytes(groups, form.scale_levels.low);
    case kScaleHigh:
      return plane_bytes(groups, form.scale_levels.high);
    case kShifts:
      return float_shift ? floats : 0;
    case kShiftLow:
      return plane_bytes(groups, form.shift_levels.low);
    case kShiftHigh:
      return plane_bytes(groups, form.shift_levels.high);
    case kSections:
      break;
  }
  return 0;
}

Layout lay_out(const Form& form, int64_t rows, int64_t columns, size_t row_align, size_t align) {
  const auto up = [](size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; };
  Layout layout;
  for (int s = 0; s < kSections; ++s) {
    const auto i = static_cast<size_t>(s);
    layout.stride[i] = up(section_bytes(form, static_cast<Section>(s), columns), row_align);
    layout.offset[i] = layout.bytes;
    layout.bytes = up(layout.bytes + layout.stride[i] * static_cast<size_t>(rows), align);
  }
  return layout;
}

void decode(const Form& form, const std::array<const uint8_t*, kSections>& row, int64_t columns, float* to) {
  if (form.floats) {
    for (int64_t k = 0; k < columns; ++k) to[k] = float_at(form.type, row[kLow], k);
    return;
  }
  for (int64_t g = 0, first = 0; first < columns; ++g, first += form.group) {
    const int64_t count = std::min(form.group, columns - first), super = g / form.super;
    float scale = float_at(form.scale_type, row[kScales], super), shift = 0;
    if (form.scale_levels.low) {
      const int level = level_at(form.scale_levels, row[kScaleLow], row[kScaleHigh], g);
      scale *= static_cast<float>(level - form.scale_zero);
    }
    if (form.shift_levels.low)
      shift = static_cast<float>(level_at(form.shift_levels, row[kShiftLow], row[kShiftHigh], g));
    if (form.shift == Shift::kMinima) shift *= float_at(form.scale_type, row[kShifts], super);
    if (form.shift == Shift::kFloatZeros || form.shift == Shift::kOffsets)
      shift = float_at(form.scale_type, row[kShifts], super);
    for (int64_t k = first; k < first + count; ++k) {
      const int q = level_at(form.levels, row[kLow], row[kHigh], k);
      switch (form.shift) {
        case Shift::kNone:
          to[k] = static_cast<float>(form.codebook ? form.codebook[q] : q - form.zero) * scale;
          break;
        case Shift::kZeros:
        case Shift::kFloatZeros:
          to[k] = (static_cast<float>(q) - shift) * scale;
          break;
        case Shift::kOffsets:
          to[k] = static_cast<float>(q) * scale + shift;
          break;
        case Shift::kMinima:
          to[k] = static_cast<float>(q) * scale - shift;
      }
    }
  }
}

}  // namespace lophi
