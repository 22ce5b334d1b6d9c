#include "cuda/ops/cast.h"

#include "cuda/ops/table.h"

namespace lophi::cuda {

void cast(Context& cuda, const Call& call) {
  const args::Cast x(call);
  const CastParams p{pointer_to(x.x), pointer_to(x.y), x.y.count(), static_cast<int>(x.x.dtype)};
  cuda.launch(cast_kernel(x.y.dtype), {blocks(p.count, 256)}, p);
}

}  // namespace lophi::cuda
