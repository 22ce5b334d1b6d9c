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

void add(Commands& commands, const Call& call) {
  const args::Add x(call);
  uint32_t constants[3 * kMaxRank] = {};  // shape, strides of a, strides of b
  std::fill_n(constants, kMaxRank, 1u);
  for (size_t i = 0; i < x.y.shape.size(); ++i)
    constants[kMaxRank - x.y.shape.size() + i] = static_cast<uint32_t>(x.y.shape[i]);
  put_strides(x.y.shape, x.a.shape, constants + kMaxRank);
  put_strides(x.y.shape, x.b.shape, constants + 2 * kMaxRank);
  constexpr int64_t kGroup = 256;
  const Macro macros[] = {{"TYPE", static_cast<int>(x.y.dtype)}};
  const Operand operands[] = {read(x.a), read(x.b), write(x.y)};
  commands.kernel("add", macros, operands, constants, static_cast<uint64_t>((x.y.count() + kGroup - 1) / kGroup));
}

}  // namespace lophi::dml
