#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

bool takes(const OpInfo& op, DType dtype) {
  if (op.is(Op::kRmsNorm)) return dtype != DType::kBfloat16;  // DirectML has none
  return !op.is(Op::kGather) || gather_shader(dtype) >= 0;
}

}  // namespace

OpFunction function_of(Op op) {
  // the families' rows are the macros of their .hlsl files
  if (unary_shader(op, DType::kFloat32) >= 0) return unary;
  if (binary_shader(op, DType::kFloat32) >= 0) return binary;
  switch (op) {
    case Op::kAttention:
      return attention;
    case Op::kCopy:
      return copy;
    case Op::kEmbedding:
      return embedding;
    case Op::kGather:
      return gather;
    case Op::kLinear:
      return linear;
    case Op::kMatmul:
      return matmul;
    case Op::kMatmulInt4:
      return matmul_int4;
    case Op::kRmsNorm:
      return rms_norm;
    case Op::kRotaryEmbedding:
      return rotary_embedding;
    case Op::kSample:
      return sample;
    case Op::kSiluMul:
      return silu_mul;
    case Op::kWhere:
      return where;
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
  return {};
}

size_t scratch(Gpu& gpu, const Call& call) {
  if (call.op->is(Op::kRmsNorm)) return rms_norm_scratch(gpu, call);
  return call.op->is(Op::kSample) ? sample_scratch(call) : 0;
}

}  // namespace lophi::dml
