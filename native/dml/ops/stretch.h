// The host's side of broadcast.hlsli.
#pragma once
#include <array>
#include <vector>

#include "dml/ops/table.h"

namespace lophi::dml {

// The shape of `y` in eight axes, its elements, and the axes that each operand has of its own.
std::vector<uint32_t> stretched(const View& y, std::initializer_list<const View*> operands);

}  // namespace lophi::dml
