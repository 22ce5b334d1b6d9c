#include "cuda/ops/linear.h"

#include <algorithm>

#include "cuda/ops/table.h"

namespace lophi::cuda {
namespace {

enum class Way { kFloats, kFew, kMany, kPlain };

Way way_of(const LinearParams& p, LinearVariant variant) {
  if (variant.product == LinearVariant::kMany && takes_many(p)) return Way::kMany;
  if (takes_floats(p)) return Way::kFloats;
  if (takes_few(p)) return Way::kFew;
  return takes_many(p) ? Way::kMany : Way::kPlain;
}

// A call of linear, or of the ops that are more (ops/fused.cpp).
struct Parts : args::Linear {
  const View *residual, *norm;  // null: none
  const CudaWeight& weight;
  int64_t n, m;
  bool silu;

  explicit Parts(const Call& call)
      : args::Linear(call),
        residual(operand(call, 2)),
        norm(operand(call, 3)),
        weight(static_cast<const CudaWeight&>(w)),
        n(y.dim(-1)),
        m(n ? y.count() / n : 0),
        silu(n != w.rows) {}

  // Without what it reads and writes.
  LinearParams params(const CudaWeight::Part& part) const {
    LinearParams p{};
    p.w = part.rows;
    p.m = m;
    p.n = n;
    p.int8 = activations == Activations::kInt8 && part.takes_int8;
    p.silu = silu;
    return p;
  }
  LinearVariant variant(const CudaWeight::Part& part) const {
    const LinearParams p = params(part);
    return part.choices[static_cast<size_t>(row_class(part.rows, m, p.int8))];
  }

 private:
  static const View* operand(const Call& call, size_t at) {
    return call.in.size() > at && call.in[at].buffer ? &call.in[at] : nullptr;
  }
};

}  // namespace

void run_linear(Context& cuda, const LinearParams& p, DType dtype, unsigned char* scratch, LinearVariant variant) {
  switch (way_of(p, variant)) {
    case Way::kFloats:
      return linear_floats(cuda, p, dtype);
    case Way::kFew:
      return linear_few(cuda, p, dtype, scratch, variant);
    case Way::kMany:
      return linear_many(cuda, p, dtype, scratch, variant);
    case Way::kPlain:
      cuda.launch(linear_kernel(dtype), {blocks(p.w.count, 8), p.m}, p);
  }
}

// A launch for each part of w.
void linear(Context& cuda, const Call& call) {
  const Parts x(call);
  cuda.use(x.w);
  for (const CudaWeight::Part& part : x.weight.stacked) {
    LinearParams p = x.params(part);
    p.x = pointer_to(x.x);
    p.bias = x.bias ? pointer_to<float>(*x.bias) : nullptr;
    p.residual = x.residual ? pointer_to(*x.residual) : nullptr;
    p.y = pointer_to(x.y);
    if (x.norm)
      p.norm = {pointer_to(*x.norm), static_cast<int>(x.norm->dtype), static_cast<float>(call.attributes[1].number),
                row_threads(x.w.columns)};
    auto* scratch = call.scratch.buffer ? pointer_to<unsigned char>(call.scratch) : nullptr;
    run_linear(cuda, p, x.x.dtype, scratch, x.variant(part));
  }
}

size_t linear_scratch_bytes(const LinearParams& p) {
  return std::max(takes_few(p) ? linear_few_scratch(p) : 0, takes_many(p) ? linear_many_scratch(p) : 0);
}

size_t linear_scratch(const Call& call) {
  const Parts x(call);
  size_t bytes = 0;
  for (const CudaWeight::Part& part : x.weight.stacked) {
    const LinearParams p = x.params(part);
    const Way way = way_of(p, x.variant(part));
    if (way == Way::kFew) bytes = std::max(bytes, linear_few_scratch(p));
    if (way == Way::kMany) bytes = std::max(bytes, linear_many_scratch(p));
  }
  return bytes;
}

// Norms and gates are for few rows: many are normed once by a kernel of its own, and their gates and ups are rows of different blocks.
bool takes_product(const Call& call) {
  const Parts x(call);
  if (!x.norm && !x.silu) return true;
  if (x.silu && (x.weight.stacked.size() != 1 || x.w.rows % 32)) return false;
  return std::ranges::all_of(x.weight.stacked, [&](const CudaWeight::Part& part) {
    const Way way = way_of(x.params(part), x.variant(part));
    return way == Way::kFloats || way == Way::kFew;
  });
}

}  // namespace lophi::cuda
