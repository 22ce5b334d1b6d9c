#include "cuda/broadcast.h"

#include <algorithm>

namespace lophi::cuda {
namespace {

void strides(std::span<const int64_t> shape, std::span<const int64_t> out, long long* to) {
  int64_t stride = 1;
  const size_t missing = out.size() - shape.size();
  for (size_t axis = out.size(); axis-- > 0;) {
    const int64_t dim = axis < missing ? 1 : shape[axis - missing];
    to[axis] = dim == 1 ? 0 : stride;
    stride *= dim;
  }
}

}  // namespace

Broadcast broadcast(std::span<const int64_t> a, std::span<const int64_t> b, std::span<const int64_t> out) {
  Broadcast result{};
  if (std::ranges::equal(a, out) && std::ranges::equal(b, out)) return result;
  result.rank = static_cast<int>(out.size());
  std::ranges::copy(out, result.dims);
  strides(a, out, result.a);
  strides(b, out, result.b);
  return result;
}

}  // namespace lophi::cuda
