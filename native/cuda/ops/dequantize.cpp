#include "cuda/ops/int4.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {

void dequantize(Context& cuda, const Call& call) {
  const args::Dequantize x(call);
  const DequantizeParams p{pointer_to<unsigned char>(x.b),
                           pointer_to(x.scales),
                           x.zeros ? pointer_to<unsigned char>(*x.zeros) : nullptr,
                           pointer_to(x.y),
                           x.y.dim(0),
                           x.columns,
                           x.block_size,
                           x.scales.dim(1)};
  cuda.launch(dequantize_kernel(x.y.dtype), {blocks(x.y.count(), 256)}, p);
}

}  // namespace lophi::cuda
