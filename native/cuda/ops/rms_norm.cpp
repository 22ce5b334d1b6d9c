#include "cuda/ops/table.h"

namespace lophi::cuda {

void rms_norm(Context& cuda, const Call& call) {
  const args::RmsNorm x(call);
  const long long columns = x.x.dim(-1), rows = columns ? x.x.count() / columns : 0;
  const Grid grid{rows};
  cuda.launch("rms_norm", name_of(x.x.dtype), grid, address_of(x.x), address_of(x.weight),
              static_cast<int>(x.weight.dtype), address_of(x.y), rows, columns, static_cast<float>(x.epsilon));
}

}  // namespace lophi::cuda
