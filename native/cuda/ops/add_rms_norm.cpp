#include "cuda/ops/table.h"

namespace lophi::cuda {

void add_rms_norm(Context& cuda, const Call& call) {
  const args::AddRmsNorm x(call);
  const int64_t columns = x.x.dim(-1), rows = columns ? x.x.count() / columns : 0;
  const AddRmsNormParams p{pointer_to(x.x),
                           pointer_to(x.residual),
                           pointer_to(x.weight),
                           pointer_to(x.sum),
                           pointer_to(x.y),
                           rows,
                           columns,
                           static_cast<int>(x.weight.dtype),
                           static_cast<float>(x.epsilon)};
  cuda.launch(add_rms_norm_kernel(x.x.dtype), {rows, 1, row_threads(columns)}, p);
}

}  // namespace lophi::cuda
