// How ops walk over tensors that they do not take as they lie.
#pragma once
#include "core/call.h"

namespace lophi {

// An axis of a tensor as three loops: outer x size x inner.
struct Axis {
  int64_t outer = 1, size = 1, inner = 1;
};
Axis axis_of(const View& x, int64_t axis);

// Strides, in elements, of `shape` read as `out`: 0 where it is stretched.
std::vector<int64_t> broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> out);

}  // namespace lophi
