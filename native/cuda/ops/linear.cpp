#include "cuda/ops/linear.h"

#include <algorithm>

#include "cuda/ops/table.h"

namespace lophi::cuda {

// A launch for each part of w. Of linearAdd (ops/fused.cpp) too, which has one operand more.
void linear(Context& cuda, const Call& call) {
  const args::Linear x(call);
  const CudaWeight& w = cuda.use(x.w);
  const float* bias = x.bias ? pointer_to<float>(*x.bias) : nullptr;
  const void* residual = call.in.size() > 2 ? pointer_to(call.in[2]) : nullptr;
  const bool int8 = x.activations == args::Linear::Activations::kInt8;
  const int64_t m = w.rows ? x.y.count() / w.rows : 0;
  for (const CudaWeight::Part& part : w.stacked) {
    const LinearParams p{pointer_to(x.x), part.rows, bias,   residual,
                         pointer_to(x.y), m,         w.rows, int8 && part.takes_int8};
    if (linear_floats(cuda, p, x.x.dtype) || linear_few(cuda, p, x.x.dtype, call.scratch) ||
        linear_many(cuda, p, x.x.dtype, call.scratch))
      continue;
    cuda.launch(linear_kernel(x.x.dtype), {blocks(part.rows.count, 8), m}, p);
  }
}

size_t linear_scratch(const Call& call) {
  const args::Linear x(call);
  const int64_t m = x.w.rows ? x.y.count() / x.w.rows : 0;
  if (m < 1 || x.w.columns < 1) return 0;
  return std::max(linear_few_scratch(m, x.w.columns), linear_many_scratch(m, x.w.columns));
}

}  // namespace lophi::cuda
