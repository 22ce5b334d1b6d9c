// What a weight is for, asked of a device before a byte of it is read.
#pragma once
#include <span>
#include <string>

#include "core/backend.h"

namespace lophi {

// An op that a weight is to be an operand of: "linear" or "embedding".
struct WeightUse {
  std::string op;
  bool int8 = false;  // linear on activations rounded to int8
};

// Throws ERR_OP_UNSUPPORTED where the device refuses a use of such a weight, for float32 and one row.
void check_uses(const Device& device, const WeightSpec& spec, std::span<const WeightUse> uses);

}  // namespace lophi
