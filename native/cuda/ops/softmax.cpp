#include "core/strides.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {

void softmax(Context& cuda, const Call& call) {
  const args::Softmax x(call);
  const Axis a = axis_of(x.x, x.axis);
  const int64_t lines = a.outer * a.inner;
  const SoftmaxParams p{pointer_to(x.x), pointer_to(x.y), lines, a.size, a.inner};
  cuda.launch(softmax_kernel(x.y.dtype), {lines, 1, row_threads(a.size)}, p);
}

}  // namespace lophi::cuda
