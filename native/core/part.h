// Rows of a weight as a file holds them.
#pragma once
#include <memory>
#include <optional>

#include "core/dtype.h"
#include "core/formats.h"

namespace lophi {

class MappedFile;  // core/mapping.h

// Bytes that stay valid while `owner` lives; without one they are the caller's, who keeps them until the weight is made.
struct Bytes {
  std::shared_ptr<const void> owner;
  const std::byte* data = nullptr;
  size_t size = 0;
  std::shared_ptr<const MappedFile> file;  // where they are pages of a file, which take no memory of their own
};

// What int4 and int8 need beside their data: value = (q - zero) * scale, or q * scale + offset.
struct WeightGroups {
  int64_t size = 0;  // consecutive columns that share a scale; 0 for the other formats
  DType scale_type = DType::kFloat32;
  Bytes scales;
  ZeroType zero_type = ZeroType::kNone;  // none: 8 or 128, or 0 where the values are signed
  Bytes zeros;
  bool is_signed = false;
  std::optional<Bytes> g_idx;  // int32 [K]: the group of every column; none: column / size
};

// What one tensor of a file, or one set of tensors, holds.
struct WeightPart {
  WeightFormat format = WeightFormat::kFloat32;
  WeightPacking packing = WeightPacking::kRows;
  int64_t rows = 0;
  Bytes data;
  WeightGroups groups;
};

inline int64_t group_count(const WeightPart& part, int64_t columns) {
  return part.groups.size ? (columns + part.groups.size - 1) / part.groups.size : 0;
}
// Bytes of a row in the packing 'rows': data, and zero points of int4 and int8.
size_t row_bytes(const WeightPart& part, int64_t columns);
size_t zero_bytes(const WeightPart& part, int64_t columns);

}  // namespace lophi
