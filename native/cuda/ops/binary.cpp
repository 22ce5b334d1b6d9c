#include <algorithm>

#include "cuda/ops/table.h"

namespace lophi::cuda {

static_assert(BinaryParams::kMaxRank == kMaxRank);

namespace {

// Strides in elements of `shape` read as `out`: 0 where it is stretched.
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

void binary(Context& cuda, const Call& call) {
  const View &a = call.in[0], &b = call.in[1], &y = call.out[0];
  BinaryParams p{pointer_to(a), pointer_to(b), pointer_to(y), y.count(), 0, {}, {}, {}};
  if (a.shape != y.shape || b.shape != y.shape) {
    p.rank = static_cast<int>(y.shape.size());
    std::ranges::copy(y.shape, p.dims);
    strides(a.shape, y.shape, p.a_strides);
    strides(b.shape, y.shape, p.b_strides);
  }
  cuda.launch(binary_kernel(call.op->kind(), y.dtype), {blocks(p.count, 256)}, p);
}

}  // namespace lophi::cuda
