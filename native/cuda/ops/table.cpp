#include "cuda/ops/table.h"

namespace lophi::cuda {

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

}  // namespace lophi::cuda
