#include "cuda/ops/table.h"

namespace lophi::cuda {

OpFunction function_of(Op op) {
  // the families' rows are the structs of their .cu files
  if (unary_kernel(op, DType::kFloat32) >= 0) return unary;
  if (binary_kernel(op, DType::kFloat32) >= 0) return binary;
  if (reduce_kernel(op, DType::kFloat32) >= 0) return reduce;
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
