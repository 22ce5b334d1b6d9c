#include "cuda/ops/int4.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {

void quantize(Context& cuda, const Call& call) {
  const args::Quantize x(call);
  const QuantizeParams p{pointer_to(x.x),      pointer_to<unsigned char>(x.b),
                         pointer_to(x.scales), pointer_to<unsigned char>(x.zeros),
                         x.x.dim(0),           x.x.dim(1),
                         x.block_size,         x.scales.dim(1),
                         x.symmetric};
  cuda.launch(quantize_kernel(x.x.dtype), {blocks(x.zeros.count(), 8)}, p);
}

}  // namespace lophi::cuda
