// Reads the rows of a part of a weight in canonical form, band by band, into memory that a backend offers.
#pragma once
#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "core/transpose.h"
#include "core/weight.h"

namespace lophi {

// Where each section of a band goes: its first row, and the bytes from row to row. Every section that the form has must be there.
using Band = std::array<Rows, kSections>;

class RowReader {
 public:
  // The part must have been checked. Throws where gIdx makes groups of unequal sizes.
  RowReader(WeightPart part, int64_t columns);

  const Form& form() const { return form_; }
  int64_t rows() const { return part_.rows; }
  int64_t columns() const { return columns_; }
  // The column that stands at each place of a row, of all rows; empty: its own.
  std::span<const int32_t> order() const { return order_; }

  // Rows [first, first + count), on all cores where there is enough to do. Bytes between the rows are not touched. Any bands
  // will do; transposed matrices are read fastest in bands of a multiple of 128 rows. From any thread.
  void read(int64_t first, int64_t count, const Band& to) const;

  // Calls `take(first, count)` for the bands of `rows` rows from `first` on: as many at a time as `lay_out` puts into `bytes`,
  // but one at the least.
  template <class F>
  void each_band(int64_t first, int64_t rows, size_t bytes, size_t row_align, size_t align, F&& take) const {
    const int64_t step = band_rows(bytes, row_align, align), end = first + rows;
    for (; first < end; first += step) take(first, std::min(step, end - first));
  }

 private:
  int64_t band_rows(size_t bytes, size_t row_align, size_t align) const;

  WeightPart part_;
  int64_t columns_;
  Form form_;
  std::vector<int32_t> order_;
};

// Sections of a placement at an address.
Band band_at(const Layout& layout, uint8_t* data);

// Whether a part lies as the CPU computes on it: as its file has it, rows of unsigned values with consecutive groups.
bool lies_in_rows(const WeightPart& part, int64_t columns);

// Rows [first, first + count) of a checked weight as float32, its columns in their own order. On all cores; throws
// ERR_OUT_OF_MEMORY.
void read_floats(const WeightSpec& spec, int64_t first, int64_t count, float* to);

}  // namespace lophi
