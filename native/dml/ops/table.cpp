#include "dml/ops/table.h"

#include "core/check.h"

namespace lophi::dml {
namespace {

bool takes(Op op, DType dtype) {
  if (op == Op::kCopy) return true;
  if (dtype == DType::kFloat32 || dtype == DType::kFloat16) return true;
  return op == Op::kAdd && dtype == DType::kInt32;
}

}  // namespace

OpFunction function_of(Op op) {
  switch (op) {
    case Op::kAdd:
      return add;
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
  const OpEntry& entry = op_entries()[static_cast<size_t>(call.op)];
  const std::string name = entry.name;
  for (const View& view : call.in) {
    // matmulInt4's packed operands are uint8 by the schema
    const bool packed = call.op == Op::kMatmulInt4 && view.dtype == DType::kUint8;
    if (view.buffer && !packed && !takes(call.op, view.dtype))
      return name + ": operands must be float32 or float16 on dml, but one is " + name_of(view.dtype);
    if (view.shape.size() > kMaxRank)
      return name + ": operands must have at most " + std::to_string(kMaxRank) + " axes on dml, but one has " +
             std::to_string(view.shape.size());
  }
  if (call.op != Op::kLinear) return {};
  const args::Linear x(call);
  const WeightFormat format = static_cast<const DmlWeight&>(x.w).format;
  if (format != WeightFormat::kQ4_0) return name + ": w must be q4_0 on dml, but it is " + info_of(format).name;
  if (x.activations != args::Linear::Activations::kF32)
    return name + ": activations must be f32 on dml, but they are int8";
  if (x.bias) return name + ": bias must be absent on dml";
  return {};
}

}  // namespace lophi::dml
