#include <algorithm>

#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

// Strides in elements of an operand that is broadcast to `shape`, right-aligned in eight axes; 0 along broadcast axes.
void put_strides(const Shape& shape, const Shape& operand, uint32_t* to) {
  uint32_t stride = 1;
  for (size_t i = 0; i < operand.size(); ++i) {
    const auto dim = static_cast<uint32_t>(operand[operand.size() - 1 - i]);
    const int64_t wanted = shape[shape.size() - 1 - i];
    to[kMaxRank - 1 - i] = dim == wanted ? stride : 0;
    stride *= dim;
  }
}

}  // namespace

void binary(Commands& commands, const Call& call) {
  const View &a = call.in[0], &b = call.in[1], &y = call.out[0];
  uint32_t constants[3 * kMaxRank] = {};  // shape, strides of a, strides of b
  std::fill_n(constants, kMaxRank, 1u);
  for (size_t i = 0; i < y.shape.size(); ++i)
    constants[kMaxRank - y.shape.size() + i] = static_cast<uint32_t>(y.shape[i]);
  put_strides(y.shape, a.shape, constants + kMaxRank);
  put_strides(y.shape, b.shape, constants + 2 * kMaxRank);
  const Operand operands[] = {read(a), read(b), write(y)};
  commands.kernel(binary_shader(call.op->kind(), y.dtype), operands, constants, groups_of(y.count(), 256));
}

}  // namespace lophi::dml
