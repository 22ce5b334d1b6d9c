#include "cuda/ops/binary.h"

#include "cuda/ops/stretch.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {

void binary(Context& cuda, const Call& call) {
  const View &a = call.in[0], &b = call.in[1], &y = call.out[0];
  const BinaryParams p{pointer_to(a), pointer_to(b), pointer_to(y), y.count(), stretched<2>(y.shape, {&a, &b})};
  cuda.launch(binary_kernel(call.op->kind(), y.dtype), {blocks(p.count, 256)}, p);
}

}  // namespace lophi::cuda
