#include "core/weight.h"

#include <string>

#include "core/error.h"

namespace lophi {

void check_weight(const WeightSpec& spec) {
  const FormatInfo& info = info_of(spec.format);
  constexpr int64_t kMaxRows = int64_t{1} << 36, kMaxColumns = int64_t{1} << 24;  // rows * row_bytes stays below 2^63
  if (spec.rows < 0 || spec.columns < 0 || spec.rows > kMaxRows || spec.columns > kMaxColumns)
    throw shape_error("weight: shape must be sensible, but it is [" + std::to_string(spec.rows) + ", " +
                      std::to_string(spec.columns) + "]");
  if (spec.columns % info.block)
    throw shape_error("weight: a row of " + std::string(info.name) + " must be a multiple of " +
                      std::to_string(info.block) + " values, but it is " + std::to_string(spec.columns));
  const size_t row = row_bytes(spec.format, spec.columns);
  size_t total = 0;
  for (const Bytes& segment : spec.segments) {
    if (row && segment.size % row)
      throw shape_error("weight: data must hold whole rows of " + std::to_string(row) + " bytes, but a part has " +
                        std::to_string(segment.size));
    total += segment.size;
  }
  if (total != row * static_cast<size_t>(spec.rows))
    throw shape_error("weight: data must have " + std::to_string(row * static_cast<size_t>(spec.rows)) +
                      " bytes for [" + std::to_string(spec.rows) + ", " + std::to_string(spec.columns) + "] in " +
                      info.name + ", but it has " + std::to_string(total));
}

}  // namespace lophi
