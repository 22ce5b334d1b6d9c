#include "dml/ops/table.h"

namespace lophi::dml {

OpFunction function_of(Op op) {
  // the families' rows are the macros of their .hlsl files
  if (unary_shader(op, DType::kFloat32) >= 0) return unary;
  if (binary_shader(op, DType::kFloat32) >= 0) return binary;
  if (reduce_shader(op, DType::kFloat32) >= 0) return reduce;
  switch (op) {
    case Op::kAddRmsNorm:
      return add_rms_norm;
    case Op::kArange:
      return arange;
    case Op::kArgmax:
      return argmax;
    case Op::kAttention:
      return attention;
    case Op::kCast:
      return cast;
    case Op::kConcat:
      return concat;
    case Op::kCopy:
      return copy;
    case Op::kDequantize:
      return dequantize;
    case Op::kEmbedding:
      return embedding;
    case Op::kFull:
      return full;
    case Op::kGather:
      return gather;
    case Op::kLinear:
      return linear;
    case Op::kMatmul:
      return matmul;
    case Op::kMatmulInt4:
      return matmul_int4;
    case Op::kQuantize:
      return quantize;
    case Op::kRmsNorm:
      return rms_norm;
    case Op::kRotaryEmbedding:
      return rotary_embedding;
    case Op::kSample:
      return sample;
    case Op::kSiluMul:
      return silu_mul;
    case Op::kSlice:
      return slice;
    case Op::kSoftmax:
      return softmax;
    case Op::kTopK:
      return top_k;
    case Op::kTranspose:
      return transpose;
    case Op::kWhere:
      return where;
    case Op::kZeros:
      return zeros;
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
