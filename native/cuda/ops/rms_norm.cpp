#include "cuda/ops/table.h"

namespace lophi::cuda {

void rms_norm(Context& cuda, const Call& call) {
  const args::RmsNorm x(call);
  const int64_t columns = x.x.dim(-1), rows = columns ? x.x.count() / columns : 0;
  const RmsNormParams p{pointer_to(x.x),
                        pointer_to(x.weight),
                        pointer_to(x.y),
                        rows,
                        columns,
                        static_cast<int>(x.weight.dtype),
                        static_cast<float>(x.epsilon)};
  cuda.launch(rms_norm_kernel(x.x.dtype), {rows, 1, row_threads(columns)}, p);
}

}  // namespace lophi::cuda
