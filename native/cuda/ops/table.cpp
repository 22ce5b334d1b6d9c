#include "cuda/ops/table.h"

namespace lophi::cuda {

OpFunction function_of(Op op) {
  // the families' rows are the structs of their .cu files
  if (unary_kernel(op, DType::kFloat32) >= 0) return unary;
  if (binary_kernel(op, DType::kFloat32) >= 0) return binary;
  switch (op) {
    case Op::kCopy:
      return copy;
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
  if (call.kernel || call.op->id < 0 || !function_of(call.op->kind())) return call.op->name + " on cuda";
  if (!call.op->is(Op::kLinear)) return {};
  const WeightFormat format = static_cast<const CudaWeight&>(args::Linear(call).w).format;
  if (format <= WeightFormat::kQ4_0) return {};
  return std::string("linear: w must be float32, float16, bfloat16, q8_0 or q4_0 on cuda, but it is ") +
         info_of(format).name;
}

}  // namespace lophi::cuda
