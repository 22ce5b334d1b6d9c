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

// The shape of the output; throws ERR_SHAPE or ERR_ARGUMENT naming op and operand.
Shape apply_rule(const RuleInput& input);

// An axis given from the end counts back; throws when it lies outside.
int64_t normalize_axis(const std::string& op, int64_t axis, size_t rank);

}  // namespace lophi
