#include "core/weight.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace lophi {
namespace {

constexpr int64_t kMaxRows = int64_t{1} << 36, kMaxColumns = int64_t{1} << 24;  // rows * row bytes stays below 2^63

std::string text(int64_t value) { return std::to_string(value); }
std::string text(size_t value) { return std::to_string(value); }

size_t bits_of_value(const WeightPart& part) { return part.format == WeightFormat::kInt4 ? 4 : 8; }
size_t bytes_of(size_t count, size_t bits) { return (count * bits + 7) / 8; }

std::string describe(const WeightPart& part, int64_t columns) {
  std::string words = "[" + text(part.rows) + ", " + text(columns) + "] in " + name_of(part.format);
  if (part.groups.size) words += ", groups of " + text(part.groups.size);
  if (part.packing != WeightPacking::kRows) words += std::string(", packing ") + name_of(part.packing);
  return words;
}

void check_bytes(const WeightPart& part, int64_t columns, const char* what, const Bytes& bytes, size_t expected) {
  if (bytes.size != expected)
    throw shape_error(std::string("weight: ") + what + " must have " + text(expected) + " bytes for " +
                      describe(part, columns) + ", but it has " + text(bytes.size));
}

void check_group_size(int64_t size, int64_t columns) {
  const bool power = size >= 16 && size <= kMaxColumns && (size & (size - 1)) == 0;
  if (!power && (size != columns || columns == 0))
    throw argument_error("weight: a group must be a power of two from 16 on or all " + text(columns) +
                         " columns, but it is " + text(size));
}

void check_groups(const WeightPart& part, int64_t columns) {
  const WeightGroups& groups = part.groups;
  if (groups.scale_type != DType::kFloat32 && groups.scale_type != DType::kFloat16 &&
      groups.scale_type != DType::kBfloat16)
    throw argument_error(std::string("weight: scales must be float32, float16 or bfloat16, but are ") +
                         name_of(groups.scale_type));
  const size_t scales = static_cast<size_t>(part.rows) * static_cast<size_t>(group_count(part, columns));
  const size_t float_bytes = scales * static_cast<size_t>(bits_of(groups.scale_type) / 8);
  check_bytes(part, columns, "scales", groups.scales, float_bytes);
  if (is_float(groups.zero_type)) {
    if (groups.is_signed) throw argument_error("weight: zeros of signed values must be packed, but are floats");
    check_bytes(part, columns, "zeros", groups.zeros, float_bytes);
  } else if (groups.zero_type == ZeroType::kPacked) {
    const size_t flat = bytes_of(scales, bits_of_value(part));
    // rows may be padded to whole bytes or not
    const size_t padded = zero_bytes(part, columns) * static_cast<size_t>(part.rows);
    const bool rows = part.packing == WeightPacking::kRows && groups.zeros.size == padded;
    if (!rows) check_bytes(part, columns, "zeros", groups.zeros, flat);
  }
  if (groups.g_idx) check_bytes(part, columns, "gIdx", *groups.g_idx, static_cast<size_t>(columns) * 4);
}

// Bytes of the data in its packing.
size_t data_bytes(const WeightPart& part, int64_t columns) {
  const auto n = static_cast<size_t>(part.rows), k = static_cast<size_t>(columns);
  if (part.packing == WeightPacking::kRows) return row_bytes(part, columns) * n;
  return is_grouped(part.format) ? bytes_of(n * k, bits_of_value(part)) : row_bytes(part.format, columns) * n;
}

void check_packing(const WeightPart& part, int64_t columns) {
  const char* name = name_of(part.packing);
  const auto refuse = [&](const std::string& needs, const std::string& is) {
    throw argument_error(std::string("weight: ") + name + " must be of " + needs + ", but is of " + is);
  };
  if (part.packing == WeightPacking::kColumns) {
    if (!is_grouped(part.format) && part.format > WeightFormat::kBfloat16)
      refuse("floats, int4 or int8", name_of(part.format));
  } else if (part.packing != WeightPacking::kRows) {
    if (part.format != WeightFormat::kInt4) refuse("int4", name_of(part.format));
    if (part.groups.is_signed) refuse("unsigned values", "signed ones");
    if (is_float(part.groups.zero_type)) refuse("packed zeros", "floats");
    if (part.rows % 8) refuse("a multiple of 8 rows", text(part.rows));
    if (part.packing != WeightPacking::kAwq && columns % 8) refuse("a multiple of 8 columns", text(columns));
  }
}

void check_part(WeightPart& part, int64_t columns) {
  const FormatInfo& info = info_of(part.format);
  if (columns % info.block)
    throw shape_error("weight: a row of " + std::string(name_of(part.format)) + " must be a multiple of " +
                      text(int64_t{info.block}) + " values, but it is " + text(columns));
  if (is_grouped(part.format) != (part.groups.size != 0))
    throw argument_error(std::string("weight: ") + name_of(part.format) +
                         (part.groups.size ? " takes no groups, but they are given" : " must have groups"));
  if (part.groups.size) check_group_size(part.groups.size, columns);
  if (part.rows < 0) {
    const size_t row = row_bytes(part, columns);
    if (row && part.data.size % row)
      throw shape_error("weight: data must hold whole rows of " + text(row) + " bytes, but a part has " +
                        text(part.data.size));
    part.rows = row ? static_cast<int64_t>(part.data.size / row) : 0;
  }
  if (part.rows > kMaxRows) throw shape_error("weight: rows must be sensible, but are " + text(part.rows));
  check_packing(part, columns);
  check_bytes(part, columns, "data", part.data, data_bytes(part, columns));
  if (part.groups.size) check_groups(part, columns);
}

}  // namespace

size_t row_bytes(const WeightPart& part, int64_t columns) {
  if (!is_grouped(part.format)) return row_bytes(part.format, columns);
  return static_cast<size_t>(group_count(part, columns)) *
         bytes_of(static_cast<size_t>(part.groups.size), bits_of_value(part));
}

size_t zero_bytes(const WeightPart& part, int64_t columns) {
  const auto count = static_cast<size_t>(group_count(part, columns));
  if (part.groups.zero_type == ZeroType::kNone) return 0;
  if (is_float(part.groups.zero_type)) return count * static_cast<size_t>(bits_of(part.groups.scale_type) / 8);
  return bytes_of(count, bits_of_value(part));
}

void check_weight(WeightSpec& spec) {
  if (spec.rows < 0 || spec.columns < 0 || spec.rows > kMaxRows || spec.columns > kMaxColumns)
    throw shape_error("weight: shape must be sensible, but it is [" + text(spec.rows) + ", " + text(spec.columns) +
                      "]");
  int64_t rows = 0;
  for (WeightPart& part : spec.parts) {
    check_part(part, spec.columns);
    rows += part.rows;
  }
  if (rows != spec.rows)
    throw shape_error("weight: data must have " + text(spec.rows) + " rows of " + text(spec.columns) +
                      " values, but it has " + text(rows));
}

namespace {

std::vector<Weight::Rows> rows_of(const WeightSpec& spec) {
  std::vector<Weight::Rows> rows;
  int64_t first = 0;
  for (const WeightPart& part : spec.parts) {
    if (part.rows) rows.push_back({first, part.rows, part.format, form_of(part)});
    first += part.rows;
  }
  return rows;
}

}  // namespace

Weight::Weight(const WeightSpec& spec)
    : rows(spec.rows), columns(spec.columns), pair_rows(spec.pair_rows), parts(rows_of(spec)) {}

std::string Weight::formats() const {
  std::vector<const char*> names;
  for (const Rows& part : parts)
    if (std::ranges::find(names, name_of(part.format)) == names.end()) names.push_back(name_of(part.format));
  std::string words;
  for (const char* name : names) words.append(words.empty() ? "" : " and ").append(name);
  return words;
}

}  // namespace lophi
