#include "dml/ops/stretch.h"

namespace lophi::dml {

std::vector<uint32_t> stretched(const View& y, std::initializer_list<const View*> operands) {
  const size_t rank = y.shape.size();
  std::vector<uint32_t> constants(kMaxRank, 1);
  for (size_t i = 0; i < rank; ++i) constants[kMaxRank - rank + i] = static_cast<uint32_t>(y.shape[i]);
  constants.push_back(static_cast<uint32_t>(y.count()));
  for (const View* operand : operands) {
    uint32_t own = 0;
    for (size_t axis = 0; axis < kMaxRank; ++axis) {  // from the last one
      const size_t own_rank = operand->shape.size();
      const int64_t dim = axis < own_rank ? operand->shape[own_rank - 1 - axis] : 1;
      if (dim == constants[kMaxRank - 1 - axis]) own |= 1u << axis;
    }
    constants.push_back(own);
  }
  return constants;
}

}  // namespace lophi::dml
