#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

bool takes(const OpInfo& op, DType dtype) {
  if (op.is(Op::kCopy) || dtype == DType::kFloat32 || dtype == DType::kFloat16) return true;
  // DirectML has none
  if (dtype == DType::kBfloat16) return !op.is(Op::kRmsNorm);
  // matmulInt4's packed operands are uint8 by the schema
  if (op.is(Op::kMatmulInt4) && dtype == DType::kUint8) return true;
  if (op.is(Op::kGather) && dtype == DType::kInt32) return true;
  return unary_shader(op.kind(), dtype) >= 0 || binary_shader(op.kind(), dtype) >= 0;
}

}  // namespace

OpFunction function_of(Op op) {
  // the families' rows are the macros of their .hlsl files
  if (unary_shader(op, DType::kFloat32) >= 0) return unary;
  if (binary_shader(op, DType::kFloat32) >= 0) return binary;
  switch (op) {
    case Op::kCopy:
      return copy;
    case Op::kGather:
      return gather;
    case Op::kLinear:
      return linear;
    case Op::kMatmulInt4:
      return matmul_int4;
    case Op::kRmsNorm:
      return rms_norm;
    default:
      return nullptr;
  }
}

std::string refusal(const Call& call) {
  const OpInfo& op = *call.op;
  if (call.kernel || op.id < 0 || !function_of(op.kind())) return op.name + " on dml";
  for (const View& view : call.in)
    if (view.buffer && !takes(op, view.dtype))
      return op.name + ": operands must be float32 or float16 on dml, but one is " + name_of(view.dtype);
  if (!op.is(Op::kLinear)) return {};
  const args::Linear x(call);
  if (x.activations != args::Linear::Activations::kF32)
    return op.name + ": activations must be f32 on dml, but they are int8";
  return {};
}

size_t scratch(Gpu& gpu, const Call& call) { return call.op->is(Op::kRmsNorm) ? rms_norm_scratch(gpu, call) : 0; }

}  // namespace lophi::dml
