#include "cuda/ops/table.h"

namespace lophi::cuda {

void matmul_int4(Context& cuda, const Call& call) {
  const args::MatmulInt4 x(call);
  const long long k = x.a.dim(-1), n = x.b.dim(0), m = n ? x.y.count() / n : 0, block = x.block_size;
  const Grid grid{blocks(n, 8), m};
  cuda.launch("matmul_int4", name_of(x.a.dtype), grid, address_of(x.a), address_of(x.b), address_of(x.scales),
              x.zeros ? address_of(*x.zeros) : CUdeviceptr{0}, address_of(x.y), static_cast<int>(x.scales.dtype), block,
              m, n, k);
}

}  // namespace lophi::cuda
