#include "core/strides.h"

namespace lophi {

std::vector<int64_t> broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> out) {
  std::vector<int64_t> strides(out.size(), 0);
  int64_t stride = 1;
  for (size_t i = 1; i <= shape.size(); ++i) {
    const int64_t dim = shape[shape.size() - i];
    if (dim != 1) strides[out.size() - i] = stride;
    stride *= dim;
  }
  return strides;
}

Axis axis_of(const View& x, int64_t axis) {
  const auto at = static_cast<size_t>(axis);
  Axis a;
  for (size_t i = 0; i < at; ++i) a.outer *= x.shape[i];
  a.size = x.shape[at];
  for (size_t i = at + 1; i < x.shape.size(); ++i) a.inner *= x.shape[i];
  return a;
}

}  // namespace lophi
