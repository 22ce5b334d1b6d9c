// Matrices that lie column by column, turned into rows at the speed of memory.
#pragma once
#include <cstddef>
#include <cstdint>

namespace lophi {

// Rows [first, first + rows) of a matrix [N, K] that lies as K lines of N values, without padding between them.
struct Lines {
  const uint8_t* data;
  int64_t count;   // K
  int64_t values;  // N
  int64_t first, rows;
  const int32_t* order;  // the line that stands at each place of a row; null: its own
  uint8_t flip;          // bits of every byte that are inverted
};

// Where a row of the result lies.
struct Rows {
  uint8_t* data;
  size_t stride;  // bytes; those of a row beyond its values are not touched
};

// Values of `size` bytes each: 1, 2 or 4.
void transpose(const Lines& from, size_t size, const Rows& to);

// Nibbles, the even one low; of an odd number in a row the last byte's high nibble is zero. `awq`: value 8c+j of a line is
// nibble {0,4,1,5,2,6,3,7}[j] of word c.
void transpose_nibbles(const Lines& from, bool awq, const Rows& to);

}  // namespace lophi
