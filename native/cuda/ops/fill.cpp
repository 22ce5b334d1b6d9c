#include "cuda/ops/fill.h"

#include "cuda/ops/table.h"

namespace lophi::cuda {
namespace {

void fill(Context& cuda, const View& y, double start, double step) {
  const ArangeParams p{pointer_to(y), y.count(), start, step};
  cuda.launch(arange_kernel(y.dtype), {blocks(p.count, 256)}, p);
}

}  // namespace

void zeros(Context& cuda, const Call& call) { fill(cuda, args::Zeros(call).y, 0, 0); }

void full(Context& cuda, const Call& call) {
  const args::Full x(call);
  fill(cuda, x.y, x.value, 0);
}

void arange(Context& cuda, const Call& call) {
  const args::Arange x(call);
  fill(cuda, x.y, x.start, x.step);
}

}  // namespace lophi::cuda
