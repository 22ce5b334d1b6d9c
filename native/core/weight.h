// Matrices that a model multiplies by, in the formats of their file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace lophi {

// The order is that of `weightFormats` in lib/formats/source.ts.
enum class WeightFormat : uint8_t {
  kFloat32,
  kFloat16,
  kBfloat16,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ2K,
  kQ3K,
  kQ4K,
  kQ5K,
  kQ6K,
  kIq4Nl,
  kIq4Xs,
  kInt4,
  kInt8,
};

// How a row of K values lies in memory: K / block units of `bytes` bytes. int4 and int8 have groups of any size instead.
struct FormatInfo {
  const char* name;
  int block;  // values per unit; K must be a multiple
  int bytes;  // bytes per unit
};
inline constexpr FormatInfo kFormats[] = {
    {"float32", 1, 4},  {"float16", 1, 2},  {"bfloat16", 1, 2}, {"q8_0", 32, 34},   {"q4_0", 32, 18},
    {"q4_1", 32, 20},   {"q5_0", 32, 22},   {"q5_1", 32, 24},   {"q2_k", 256, 84},  {"q3_k", 256, 110},
    {"q4_k", 256, 144}, {"q5_k", 256, 176}, {"q6_k", 256, 210}, {"iq4_nl", 32, 18}, {"iq4_xs", 256, 136},
    {"int4", 1, 0},     {"int8", 1, 1},
};
inline constexpr int kFormatCount = static_cast<int>(std::size(kFormats));
constexpr const FormatInfo& info_of(WeightFormat format) { return kFormats[static_cast<int>(format)]; }
constexpr bool is_grouped(WeightFormat format) { return format >= WeightFormat::kInt4; }
// Of every format but int4 and int8.
constexpr size_t row_bytes(WeightFormat format, int64_t columns) {
  const FormatInfo& info = info_of(format);
  return static_cast<size_t>(columns / info.block) * static_cast<size_t>(info.bytes);
}

// Bytes that stay valid while `owner` lives: a mapped file, a copy of a typed array, or what repack made.
struct Bytes {
  std::shared_ptr<const void> owner;
  const std::byte* data = nullptr;
  size_t size = 0;
  bool mapped = false;  // pages of a file, which take no memory of their own
};

// The order is that of `weightPackings` in lib/formats/source.ts, which says what each looks like.
enum class WeightPacking : uint8_t { kRows, kColumns, kAwq, kGptq, kGptqV2 };
inline constexpr const char* kPackings[] = {"rows", "columns", "awq", "gptq", "gptq_v2"};

// Offsets are added to what (q - 0) * scale gives; zeros as floats and offsets are of the scales' type.
enum class ZeroType : uint8_t { kNone, kPacked, kFloat, kOffset };
constexpr bool is_float(ZeroType type) { return type >= ZeroType::kFloat; }

// What int4 and int8 need beside their data: value = (q - zero) * scale, or q * scale + offset.
struct WeightGroups {
  int64_t size = 0;  // consecutive columns that share a scale; 0 for the other formats
  DType scale_type = DType::kFloat32;
  Bytes scales;
  ZeroType zero_type = ZeroType::kNone;  // none: 8 or 128, or 0 where the values are signed
  Bytes zeros;
  bool is_signed = false;
  Bytes g_idx;  // int32 [K]: the group of every column; empty: column / size
};

// Rows of a weight as one tensor of a file holds them.
struct WeightPart {
  WeightFormat format = WeightFormat::kFloat32;
  WeightPacking packing = WeightPacking::kRows;
  int64_t rows = 0;
  Bytes data;
  WeightGroups groups;
  Bytes order;  // made by repack: int32 [K], the column that stands at each place; empty: its own
};

// What a weight is made from: parts stacked along the rows.
struct WeightSpec {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<WeightPart> parts;
};

// A weight on a device; backends derive from it. Immutable, shared between threads and environments.
struct Weight {
  virtual ~Weight() = default;
  int64_t rows = 0;
  int64_t columns = 0;
  size_t device_bytes = 0;  // memory that it takes beyond the mapped file
};

inline int64_t group_count(const WeightPart& part, int64_t columns) {
  return part.groups.size ? (columns + part.groups.size - 1) / part.groups.size : 0;
}
// Bytes of a row in the packing 'rows': data, and zero points of int4 and int8.
size_t row_bytes(const WeightPart& part, int64_t columns);
size_t zero_bytes(const WeightPart& part, int64_t columns);

// Throws unless every part has exactly the bytes that its format and packing ask for. Counts the rows of a part that says -1.
void check_weight(WeightSpec& spec);

// The format of all parts, for backends that take no mixture; throws ERR_OP_UNSUPPORTED.
WeightFormat only_format(const WeightSpec& spec, const char* backend);

}  // namespace lophi
