#include "cuda/ops/matmul.h"

#include <algorithm>

#include "cuda/ops/table.h"

namespace lophi::cuda {

void matmul(Context& cuda, const Call& call) {
  const args::Matmul x(call);
  const int64_t k = x.b.dim(0), n = x.b.dim(1), m = n ? x.y.count() / n : 0;
  const MatmulParams p{pointer_to(x.a), pointer_to(x.b), pointer_to(x.y), m, n, k};
  constexpr int64_t kFewRows = 8;
  if (m > kFewRows) return cuda.launch(matmul_kernel(x.a.dtype), {blocks(m, 64) * blocks(n, 64)}, p);
  const int64_t warps = std::clamp<int64_t>(blocks(k, 8), 1, 32);
  cuda.launch(matmul_row_kernel(x.a.dtype), {m * blocks(n, 32), 1, static_cast<int>(warps * 32)}, p);
}

}  // namespace lophi::cuda
