#include "cuda/ops/table.h"

namespace lophi::cuda {

void silu_mul(Context& cuda, const Call& call) {
  const args::SiluMul x(call);
  const int64_t columns = x.y.dim(-1), rows = columns ? x.y.count() / columns : 0;
  const SiluMulParams p{pointer_to(x.x), pointer_to(x.y), rows, columns};
  cuda.launch(silu_mul_kernel(x.y.dtype), {blocks(columns, 256), rows}, p);
}

}  // namespace lophi::cuda
