#include "cuda/ops/table.h"

namespace lophi::cuda {

void unary(Context& cuda, const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  const UnaryParams p{pointer_to(x), pointer_to(y), y.count()};
  cuda.launch(unary_kernel(call.op->kind(), y.dtype), {blocks(p.count, 256)}, p);
}

}  // namespace lophi::cuda
