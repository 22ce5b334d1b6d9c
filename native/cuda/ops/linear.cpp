#include "cuda/ops/linear.h"

#include <algorithm>

#include "cuda/ops/table.h"

namespace lophi::cuda {

void run_linear(Context& cuda, const LinearParams& p, DType dtype, unsigned char* scratch, LinearVariant variant) {
  if (variant.product == LinearVariant::kMany && linear_many(cuda, p, dtype, scratch, variant)) return;
  if (linear_floats(cuda, p, dtype) || linear_few(cuda, p, dtype, scratch, variant) ||
      linear_many(cuda, p, dtype, scratch, variant))
    return;
  cuda.launch(linear_kernel(dtype), {blocks(p.w.count, 8), p.m}, p);
}

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
    const auto of = static_cast<size_t>(row_class(part.rows, m, p.int8));
    auto* scratch = call.scratch.buffer ? pointer_to<unsigned char>(call.scratch) : nullptr;
    run_linear(cuda, p, x.x.dtype, scratch, part.choices[of]);
  }
}

size_t linear_scratch_bytes(int64_t m, int64_t columns) {
  return std::max(linear_few_scratch(m, columns), linear_many_scratch(m, columns));
}

size_t linear_scratch(const Call& call) {
  const args::Linear x(call);
  const int64_t m = x.w.rows ? x.y.count() / x.w.rows : 0;
  return m < 1 || x.w.columns < 1 ? 0 : linear_scratch_bytes(m, x.w.columns);
}

}  // namespace lophi::cuda
