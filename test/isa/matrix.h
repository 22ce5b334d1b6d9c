// Matrices of every format for measuring: what stands in them is ordinary, not checked.
#pragma once
#include "harness.h"

namespace harness {

// Data, then the scales and zero points of int4 and int8.
struct Matrix {
  lophi::WeightFormat format;
  int64_t group = 0;  // of int4 and int8, with float32 scales
  lophi::ZeroType zeros = lophi::ZeroType::kNone;

  bool grouped() const { return is_grouped(format); }
  int64_t bits() const { return format == lophi::WeightFormat::kInt4 ? 4 : 8; }
  size_t row(int64_t k) const { return grouped() ? static_cast<size_t>(k * bits() / 8) : row_bytes(format, k); }
  size_t scale_row(int64_t k) const { return grouped() ? static_cast<size_t>(k / group) * 4 : 0; }
  size_t zero_row(int64_t k) const {
    if (zeros == lophi::ZeroType::kNone) return 0;
    return is_float(zeros) ? scale_row(k) : static_cast<size_t>((k / group * bits() + 7) / 8);
  }
  size_t bytes(int64_t n, int64_t k) const {
    return (static_cast<size_t>(n) * (row(k) + scale_row(k) + zero_row(k)) + 63) / 64 * 64;
  }
  std::string name() const {
    const std::string base = name_of(format);
    if (!grouped()) return base;
    const char* suffix[] = {"", "z", "f", "o"};  // packed zeros, zeros as floats, offsets
    return base + "/" + std::to_string(group) + suffix[static_cast<int>(zeros)];
  }
  // Rows from `from` on of the matrix at `data`.
  lophi::cpu::WeightRows rows(const std::byte* data, int64_t n, int64_t k, int64_t from) const {
    const auto all = static_cast<size_t>(n), first = static_cast<size_t>(from);
    const std::byte *scales = data + all * row(k), *zero = scales + all * scale_row(k);
    return {format,
            data + first * row(k),
            row(k),
            group,
            lophi::DType::kFloat32,
            zeros,
            scales + first * scale_row(k),
            zero + first * zero_row(k),
            scale_row(k),
            zero_row(k)};
  }
};

// Every format; of int4 and int8 the groups and zero points that packages have.
inline std::vector<Matrix> all_matrices() {
  using lophi::WeightFormat, lophi::ZeroType;
  std::vector<Matrix> matrices;
  for (int format = 0; format < static_cast<int>(WeightFormat::kInt4); ++format)
    matrices.push_back({static_cast<WeightFormat>(format)});
  for (const WeightFormat format : {WeightFormat::kInt4, WeightFormat::kInt8}) {
    for (const int64_t group : {16, 32, 128}) {
      for (const ZeroType zeros : {ZeroType::kNone, ZeroType::kPacked, ZeroType::kFloat, ZeroType::kOffset})
        matrices.push_back({format, group, zeros});
    }
  }
  return matrices;
}

// Fills n rows: scales and numbers are neither tiny nor huge.
inline void fill(std::byte* to, const Matrix& matrix, int64_t n, int64_t k) {
  using lophi::WeightFormat;
  Random random(1);
  const WeightFormat format = matrix.format;
  const size_t data = static_cast<size_t>(n) * matrix.row(k), size = matrix.bytes(n, k);
  const size_t floats_end = data + static_cast<size_t>(n) * matrix.scale_row(k);
  for (size_t i = 0; i + 2 <= size; i += 2) {
    uint16_t bits = static_cast<uint16_t>(random.bits());
    const bool beside = matrix.grouped() && i >= data,
               floats = format == WeightFormat::kFloat32 ||
                        (beside && (i < floats_end || is_float(matrix.zeros)));
    if (floats && i % 4 == 2) bits = static_cast<uint16_t>(0x3f00 | (bits & 0x807f));
    if (format == WeightFormat::kFloat16) bits = static_cast<uint16_t>(0x3000 | (bits & 0x8fff));
    if (format == WeightFormat::kBfloat16) bits = static_cast<uint16_t>(0x3f00 | (bits & 0x807f));
    // wherever a block has its scales: no exponent of ones
    if (info_of(format).block > 1) bits &= 0xbbff;
    std::memcpy(to + i, &bits, 2);
  }
}

// Seconds that the calling thread has spent on a processor: what other processes take does not count.
double thread_seconds();

}  // namespace harness
