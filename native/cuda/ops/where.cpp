#include "cuda/ops/where.h"

#include "cuda/ops/stretch.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {

void where(Context& cuda, const Call& call) {
  const args::Where x(call);
  const WhereParams p{pointer_to<unsigned char>(x.condition),
                      pointer_to(x.a),
                      pointer_to(x.b),
                      pointer_to(x.y),
                      x.y.count(),
                      stretched<3>(x.y.shape, {&x.condition, &x.a, &x.b})};
  const WhereVariant bits = bits_of(x.y.dtype) == 16 ? WhereVariant::kBits16 : WhereVariant::kBits32;
  cuda.launch(where_kernel(bits), {blocks(p.count, 256)}, p);
}

}  // namespace lophi::cuda
