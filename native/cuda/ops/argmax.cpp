#include "core/strides.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {

void argmax(Context& cuda, const Call& call) {
  const args::Argmax x(call);
  const Axis a = axis_of(x.x, x.axis);
  const ArgmaxParams p{pointer_to(x.x), pointer_to<int>(x.y), a.outer * a.inner, a.size, a.inner};
  cuda.launch(argmax_kernel(x.x.dtype), {p.lines, 1, row_threads(a.size)}, p);
}

}  // namespace lophi::cuda
