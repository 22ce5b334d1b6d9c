#include "core/rows.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "core/blocks.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/repack.h"

namespace lophi {
namespace {

// The group of every column; null where groups are consecutive.
const std::byte* scattered(const WeightPart& part, int64_t columns) {
  if (!part.groups.g_idx) return nullptr;
  const std::byte* g_idx = part.groups.g_idx->data;
  for (int64_t k = 0; k < columns; ++k) {
    int32_t group;
    std::memcpy(&group, g_idx + k * 4, 4);
    if (group != k / part.groups.size) return g_idx;
  }
  return nullptr;
}

// The columns sorted by group.
std::vector<int32_t> order_of(const WeightPart& part, int64_t columns) {
  const std::byte* g_idx = scattered(part, columns);
  if (!g_idx) return {};
  const int64_t count = group_count(part, columns), size = part.groups.size;
  std::vector<int32_t> group_of(static_cast<size_t>(columns)), order(static_cast<size_t>(columns));
  std::memcpy(group_of.data(), g_idx, group_of.size() * 4);
  std::vector<size_t> first(static_cast<size_t>(count) + 1);  // where each group begins
  for (size_t k = 0; k < group_of.size(); ++k) {
    if (group_of[k] < 0 || group_of[k] >= count)
      throw range_error("weight: gIdx[" + std::to_string(k) + "] must be below " + std::to_string(count) +
                        ", but it is " + std::to_string(group_of[k]));
    ++first[static_cast<size_t>(group_of[k]) + 1];
  }
  for (int64_t b = 0; b < count; ++b) {
    const auto at = static_cast<size_t>(b);
    const auto wanted = static_cast<size_t>(std::min(size, columns - b * size));
    if (first[at + 1] != wanted)
      throw Error("ERR_MODEL_UNSUPPORTED", "weight: gIdx must give group " + std::to_string(b) + " " +
                                               std::to_string(wanted) + " columns, but it gives " +
                                               std::to_string(first[at + 1]));
    first[at + 1] += first[at];
  }
  for (size_t k = 0; k < group_of.size(); ++k)
    order[first[static_cast<size_t>(group_of[k])]++] = static_cast<int32_t>(k);
  return order;
}

}  // namespace

RowReader::RowReader(WeightPart part, int64_t columns)
    : part_(std::move(part)), columns_(columns), form_(form_of(part_)), order_(order_of(part_, columns)) {}

void RowReader::read(int64_t first, int64_t count, const Band& to) const {
  if (count == 0 || columns_ == 0) return;
  if (is_grouped(part_.format) || form_.floats)
    read_packed(part_, form_, columns_, order_.empty() ? nullptr : order_.data(), first, count, to);
  else
    read_blocks(part_, columns_, first, count, to);
}

int64_t RowReader::band_rows(size_t bytes, size_t row_align, size_t align) const {
  constexpr int64_t kStep = 128;
  const size_t step = lay_out(form_, kStep, columns_, row_align, align).bytes;
  if (step && bytes >= step) return static_cast<int64_t>(bytes / step) * kStep;
  const size_t one = lay_out(form_, 1, columns_, row_align, align).bytes;  // aligned for each row: more than enough
  return std::max<int64_t>(1, one ? static_cast<int64_t>(bytes / one) : kStep);
}

Band band_at(const Layout& layout, uint8_t* data) {
  Band band{};
  for (size_t s = 0; s < kSections; ++s)
    if (layout.stride[s]) band[s] = {data + layout.offset[s], layout.stride[s]};
  return band;
}

namespace {

void read_floats(const RowReader& reader, int64_t first, int64_t count, float* to) {
  constexpr size_t kBand = size_t{4} << 20;
  const int64_t columns = reader.columns();
  const std::span<const int32_t> order = reader.order();
  std::vector<uint8_t> bytes;
  reader.each_band(first, count, kBand, 1, 1, [&](int64_t start, int64_t rows) {
    const Layout layout = lay_out(reader.form(), rows, columns, 1, 1);
    bytes.resize(layout.bytes);
    reader.read(start, rows, band_at(layout, bytes.data()));
    constexpr int64_t kRows = 16;
    parallel((rows + kRows - 1) / kRows, [&](int64_t piece) {
      std::vector<float> ordered(order.empty() ? 0 : static_cast<size_t>(columns));
      for (int64_t n = piece * kRows; n < std::min(rows, (piece + 1) * kRows); ++n) {
        std::array<const uint8_t*, kSections> row{};
        for (size_t s = 0; s < kSections; ++s)
          row[s] = bytes.data() + layout.offset[s] + static_cast<size_t>(n) * layout.stride[s];
        float* values = to + (start - first + n) * columns;
        decode(reader.form(), row, columns, order.empty() ? values : ordered.data());
        for (size_t k = 0; k < order.size(); ++k) values[order[k]] = ordered[k];
      }
    });
  });
}

}  // namespace

void read_floats(const WeightSpec& spec, int64_t first, int64_t count, float* to) {
  int64_t start = 0;
  try {
    for (const WeightPart& part : spec.parts) {
      const int64_t from = std::max(first, start), end = std::min(first + count, start + part.rows);
      if (from < end)
        read_floats(RowReader(part, spec.columns), from - start, end - from, to + (from - first) * spec.columns);
      start += part.rows;
    }
  } catch (const std::bad_alloc&) {
    throw Error("ERR_OUT_OF_MEMORY", "weight: the machine must have memory for a few rows, but it has not");
  }
}

bool lies_in_rows(const WeightPart& part, int64_t columns) {
  if (part.packing != WeightPacking::kRows) return false;
  if (!is_grouped(part.format)) return true;
  const WeightGroups& groups = part.groups;
  const bool whole_zeros = groups.zero_type != ZeroType::kPacked ||
                           groups.zeros.size == zero_bytes(part, columns) * static_cast<size_t>(part.rows);
  return !groups.is_signed && whole_zeros && !scattered(part, columns);
}

}  // namespace lophi
