#include "cuda/ops/sample.h"

#include "cuda/ops/table.h"

namespace lophi::cuda {

size_t sample_scratch(const Call& call) {
  return static_cast<size_t>(args::Sample(call).logits.count()) * sizeof(float);
}

void sample(Context& cuda, const Call& call) {
  const args::Sample x(call);
  const SampleParams p{pointer_to(x.logits),
                       pointer_to<float>(x.params),
                       pointer_to<unsigned>(x.seeds),
                       pointer_to<int>(x.position),
                       pointer_to<int>(x.histories),
                       pointer_to<int>(x.id),
                       pointer_to<float>(x.logprob),
                       call.scratch.buffer ? pointer_to<float>(call.scratch) : nullptr,
                       x.logits.dim(0),
                       x.logits.dim(1),
                       x.histories.dim(1),
                       cuda.faults(call)};
  cuda.launch(sample_kernel(x.logits.dtype), {p.rows, 1, 512}, p);
}

}  // namespace lophi::cuda
