#include "cuda/ops/top_k.h"

#include "cuda/ops/table.h"

namespace lophi::cuda {

size_t top_k_scratch(const Call& call) {
  return static_cast<size_t>(args::TopK(call).indices.count()) * sizeof(unsigned long long);
}

void top_k(Context& cuda, const Call& call) {
  const args::TopK x(call);
  const int64_t columns = x.x.dim(-1), rows = x.indices.count() / x.k;
  const TopKParams p{pointer_to(x.x),
                     pointer_to(x.values),
                     pointer_to<int>(x.indices),
                     call.scratch.buffer ? pointer_to<unsigned long long>(call.scratch) : nullptr,
                     rows,
                     columns,
                     x.k};
  cuda.launch(top_k_kernel(x.x.dtype), {rows, 1, columns <= 256 ? 256 : 1024}, p);
}

}  // namespace lophi::cuda
