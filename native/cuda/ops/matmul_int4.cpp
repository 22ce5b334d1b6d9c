#include "cuda/ops/table.h"

namespace lophi::cuda {

void matmul_int4(Context& cuda, const Call& call) {
  const args::MatmulInt4 x(call);
  const int64_t k = x.a.dim(-1), n = x.b.dim(0), m = n ? x.y.count() / n : 0;
  const MatmulInt4Params p{pointer_to(x.a),
                           pointer_to<unsigned char>(x.b),
                           pointer_to(x.scales),
                           x.zeros ? pointer_to<unsigned char>(*x.zeros) : nullptr,
                           pointer_to(x.y),
                           m,
                           n,
                           k,
                           x.block_size,
                           blocks(k, x.block_size),
                           static_cast<int>(x.scales.dtype)};
  cuda.launch(matmul_int4_kernel(x.a.dtype), {blocks(n, 8), m}, p);
}

}  // namespace lophi::cuda
