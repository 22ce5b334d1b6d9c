// Shape rules that symbolic dims cannot say; the schema names them in outputs: `x reduce(x, axis, keepDims)`.
#pragma once
#include <span>
#include <string>

#include "core/call.h"

namespace lophi {

// The arguments of a rule by name, taken from the call under check.
struct RuleInput {
  const std::string& op;
  const std::string& rule;
  std::vector<std::pair<std::string, std::span<const View>>> operands;  // (name, one view or, variadic, several)
  std::vector<std::pair<std::string, const Attribute*>> attributes;
};

// The shape of the output, `axis` counted from the front; throws ERR_SHAPE or ERR_ARGUMENT naming op and operand.
Shape apply_rule(const RuleInput& input);

}  // namespace lophi
