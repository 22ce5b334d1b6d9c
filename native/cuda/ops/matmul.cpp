#include "cuda/ops/matmul.h"

#include <algorithm>

#include "cuda/ops/table.h"

namespace lophi::cuda {

void matmul(Context& cuda, const Call& call) {
  const args::Matmul x(call);
  const int64_t k = x.b.dim(0), n = x.b.dim(1), m = n ? x.y.count() / n : 0;
  const bool whole = k % 8 == 0 && n % 8 == 0 && address_of(x.a) % 16 == 0 && address_of(x.b) % 16 == 0;
  const MatmulParams p{pointer_to(x.a), pointer_to(x.b), pointer_to(x.y), m, n, k, whole};
  constexpr int64_t kFewRows = 8;
  if (m <= kFewRows) {
    const int64_t warps = std::clamp<int64_t>(blocks(k, 8), 1, 32);
    cuda.launch(matmul_row_kernel(x.a.dtype), {m * blocks(n, 32), 1, static_cast<int>(warps * 32)}, p);
    return;
  }
  const bool tensor = x.a.dtype == DType::kFloat16 || (x.a.dtype == DType::kBfloat16 && cuda.capability() >= 80);
  if (!tensor) return cuda.launch(matmul_kernel(x.a.dtype), {blocks(m, 64) * blocks(n, 64)}, p);
  constexpr int64_t kFullGpu = 128;  // blocks
  const bool large = blocks(m, 128) * blocks(n, 128) >= kFullGpu;
  const int64_t side = large ? 128 : 64;
  const auto type = x.a.dtype == DType::kFloat16 ? MatmulTensorType::kHalf : MatmulTensorType::kBfloat;
  cuda.launch(matmul_tensor_kernel(type, large ? MatmulTensorTile::kLarge : MatmulTensorTile::kSmall),
              {blocks(m, side) * blocks(n, side)}, p);
}

}  // namespace lophi::cuda
