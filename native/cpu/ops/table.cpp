#include "cpu/ops/table.h"

#include <array>

namespace lophi::cpu {
namespace {

constexpr Row kRows[] = {
    {Op::kAddRmsNorm, add_rms_norm},
    {Op::kAttention, attention},
    {Op::kCast, cast},
    {Op::kDequantize, dequantize},
    {Op::kEmbedding, embedding},
    {Op::kLinear, linear},
    {Op::kMatmul, matmul},
    {Op::kMatmulInt4, matmul_int4},
    {Op::kQuantize, quantize},
    {Op::kRmsNorm, rms_norm},
    {Op::kRotaryEmbedding, rotary_embedding},
    {Op::kSample, sample},
    {Op::kSiluMul, silu_mul},
    {Op::kSoftmax, softmax},
    {Op::kTopK, top_k},
    {Op::kWhere, where},
};

std::array<OpFunction, kOpCount> by_op() {
  std::array<OpFunction, kOpCount> functions{};
  for (std::span<const Row> rows :
       {std::span<const Row>(kRows), unary_ops(), binary_ops(), reduce_ops(), layout_ops(), fill_ops()})
    for (const Row& row : rows) functions[static_cast<size_t>(row.op)] = row.run;
  return functions;
}

}  // namespace

OpFunction function_of(Op op) {
  static const std::array<OpFunction, kOpCount> functions = by_op();
  return functions[static_cast<size_t>(op)];
}

}  // namespace lophi::cpu
