#include "cpu/ops/table.h"

namespace lophi::cpu {

OpFunction function_of(Op op) {
  switch (op) {
    case Op::kAdd:
      return add;
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
    case Op::kDiv:
      return div;
    case Op::kEmbedding:
      return embedding;
    case Op::kExp:
      return exp;
    case Op::kFull:
      return full;
    case Op::kGather:
      return gather;
    case Op::kLinear:
      return linear;
    case Op::kLog:
      return log;
    case Op::kMatmul:
      return matmul;
    case Op::kMatmulInt4:
      return matmul_int4;
    case Op::kMax:
      return max;
    case Op::kMaximum:
      return maximum;
    case Op::kMean:
      return mean;
    case Op::kMinimum:
      return minimum;
    case Op::kMul:
      return mul;
    case Op::kNeg:
      return neg;
    case Op::kQuantize:
      return quantize;
    case Op::kRmsNorm:
      return rms_norm;
    case Op::kRotaryEmbedding:
      return rotary_embedding;
    case Op::kSample:
      return sample;
    case Op::kSigmoid:
      return sigmoid;
    case Op::kSiluMul:
      return silu_mul;
    case Op::kSlice:
      return slice;
    case Op::kSoftmax:
      return softmax;
    case Op::kSqrt:
      return sqrt;
    case Op::kSub:
      return sub;
    case Op::kSum:
      return sum;
    case Op::kTanh:
      return tanh;
    case Op::kTopK:
      return top_k;
    case Op::kTranspose:
      return transpose;
    case Op::kWhere:
      return where;
    case Op::kZeros:
      return zeros;
  }
  return nullptr;
}

}  // namespace lophi::cpu
