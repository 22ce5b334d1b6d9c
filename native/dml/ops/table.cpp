#include "dml/ops/table.h"

namespace lophi::dml {

OpFunction function_of(Op op) {
  // the families' rows are the macros of their .hlsl files
  if (unary_shader(op, DType::kFloat32) >= 0) return unary;
  if (binary_shader(op, DType::kFloat32) >= 0) return binary;
  if (reduce_shader(op, DType::kFloat32) >= 0) return reduce;
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

std::string refusal(const Call& call) {
  const OpInfo& op = *call.op;
  if (call.kernel || op.id < 0 || !function_of(op.kind())) return op.name + " on dml";
  for (const auto* views : {&call.in, &call.out})
    for (const View& view : *views)
      if (view.count() > UINT32_MAX)  // shaders count in 32 bits
        return op.name + ": tensors must have less than 2^32 elements on dml, but one has " +
               std::to_string(view.count());
  return {};
}

size_t scratch(Gpu& gpu, const Call& call) {
  if (call.op->is(Op::kArange)) return arange_scratch(call);
  if (call.op->is(Op::kRmsNorm)) return rms_norm_scratch(gpu, call);
  if (call.op->is(Op::kSample)) return sample_scratch(call);
  if (call.op->is(Op::kTopK)) return top_k_scratch(call);
  return 0;
}

}  // namespace lophi::dml
