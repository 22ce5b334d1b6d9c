#include "cuda/ops/table.h"

namespace lophi::cuda {

OpFunction function_of(Op op) {
  // the families' rows are the structs of their .cu files
  if (unary_kernel(op, DType::kFloat32) >= 0) return unary;
  if (binary_kernel(op, DType::kFloat32) >= 0) return binary;
  if (reduce_kernel(op, DType::kFloat32) >= 0) return reduce;
  switch (op) {
#define ROW(op, function) \
  case Op::k##op:         \
    return function;
    LOPHI_OWN_OPS(ROW)
#undef ROW
    default:
      return nullptr;
  }
}

OpFunction function_of(const Call& call) {
  if (call.kernel) return own_function(*call.kernel);
  return call.op->id < 0 ? nullptr : function_of(call.op->kind());
}

size_t scratch_of(const Call& call) {
  if (function_of(call) == linear) return linear_scratch(call);
  if (function_of(call) == attention) return attention_scratch(call);
  if (call.op->is(Op::kSample)) return sample_scratch(call);
  if (call.op->is(Op::kTopK)) return top_k_scratch(call);
  return 0;
}

std::string refusal(const Call& call) {
  return function_of(call) && (!call.kernel || own_takes(call)) ? "" : call.op->name + " on cuda";
}

}  // namespace lophi::cuda
