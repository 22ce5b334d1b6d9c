#include "cpu/weight.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "core/rows.h"

namespace lophi::cpu {
namespace {

// Sizes of the rows of a part whose bytes lie elsewhere.
WeightRows layout_of(const WeightPart& part, int64_t columns) {
  WeightRows rows{part.format, nullptr, row_bytes(part, columns)};
  if (!part.groups.size) return rows;
  rows.group = part.groups.size;
  rows.scale_type = part.groups.scale_type;
  rows.zero_type = part.groups.zero_type;
  rows.scale_stride = bytes_of(rows.scale_type, group_count(part, columns));
  rows.zero_stride = zero_bytes(part, columns);
  return rows;
}

// Makes the rows of one part of a weight.
class Maker {
 public:
  Maker(BlockPool& memory, CpuWeight& weight, CpuWeight::Part& made) : memory_(memory), weight_(weight), made_(made) {}

  // The part lies as it is computed on: what is no page of a file is copied, and pages where they must not be used.
  void keep(const WeightPart& part, bool in_place) {
    made_.rows.data = keep(part.data, in_place);
    made_.rows.scales = keep(part.groups.scales, in_place);
    made_.rows.zeros = keep(part.groups.zeros, in_place);
  }

  // Rows of unsigned values with consecutive groups; what a row has beyond its values is zero.
  void read(const WeightPart& part) {
    const RowReader reader(part, weight_.columns);
    WeightRows& rows = made_.rows;
    const Section zeros = is_float(rows.zero_type) ? kShifts : kShiftLow;
    const auto count = static_cast<size_t>(part.rows);
    Band band{};
    const auto place = [&](Section section, size_t stride) -> const std::byte* {
      if (!stride) return nullptr;
      band[section] = {alloc(stride * count), stride};
      const size_t used = section_bytes(reader.form(), section, weight_.columns);
      for (size_t n = 0; used < stride && n < count; ++n)
        std::memset(band[section].data + n * stride + used, 0, stride - used);
      return reinterpret_cast<const std::byte*>(band[section].data);
    };
    rows.data = place(kLow, rows.stride);
    rows.scales = place(kScales, rows.scale_stride);
    rows.zeros = place(zeros, rows.zero_stride);
    reader.read(0, part.rows, band);
    if (const auto order = reader.order(); !order.empty()) {
      uint8_t* to = alloc(order.size_bytes());
      std::memcpy(to, order.data(), order.size_bytes());
      made_.order = reinterpret_cast<const int32_t*>(to);
    }
  }

 private:
  uint8_t* alloc(size_t bytes) {
    const auto buffer = memory_.alloc(bytes);
    made_.owners.push_back(buffer);
    weight_.device_bytes += bytes;
    return static_cast<uint8_t*>(buffer->data);
  }

  const std::byte* keep(const Bytes& bytes, bool in_place) {
    if (!bytes.size) return nullptr;
    if (bytes.file && in_place) {
      made_.owners.push_back(bytes.owner);
      if (std::ranges::find(weight_.in_use, bytes.file) == weight_.in_use.end()) weight_.in_use.push_back(bytes.file);
      return bytes.data;
    }
    uint8_t* to = alloc(bytes.size);
    constexpr size_t kPiece = size_t{1} << 20;
    parallel(static_cast<int64_t>((bytes.size + kPiece - 1) / kPiece), [&](int64_t i) {
      const size_t first = static_cast<size_t>(i) * kPiece;
      std::memcpy(to + first, bytes.data + first, std::min(kPiece, bytes.size - first));
    });
    return reinterpret_cast<const std::byte*>(to);
  }

  BlockPool& memory_;
  CpuWeight& weight_;
  CpuWeight::Part& made_;
};

}  // namespace

WeightRows CpuWeight::Part::from(int64_t row) const {
  WeightRows w = rows;
  const auto skipped = static_cast<size_t>(row - first_row);
  w.data += skipped * w.stride;
  if (w.scales) w.scales += skipped * w.scale_stride;
  if (w.zeros) w.zeros += skipped * w.zero_stride;
  return w;
}

std::shared_ptr<const Weight> make_weight(BlockPool& memory, WeightSpec spec) {
  auto weight = std::make_shared<CpuWeight>(spec);
  int64_t row = 0;
  for (const WeightPart& part : spec.parts) {
    if (!part.rows) continue;
    CpuWeight::Part& made = weight->stacked.emplace_back();
    made.rows = layout_of(part, spec.columns);
    made.first_row = row;
    made.count = part.rows;
    row += part.rows;
    Maker maker(memory, *weight, made);
    if (lies_in_rows(part, spec.columns))
      maker.keep(part, spec.in_place);
    else
      maker.read(part);
  }
  return weight;
}

}  // namespace lophi::cpu
