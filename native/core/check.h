// The one place where operands are checked, from the op's own declaration. Backends trust what passed here.
#pragma once
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "core/call.h"
#include "core/op.h"

namespace lophi {

// What a caller hands in for one operand slot.
using Argument = std::variant<std::monostate, View, std::shared_ptr<const Weight>>;

// Checks operands and attributes and sizes the outputs: `call.out` has dtype and shape, and the buffers of `out` where given.
// `arguments` follow the op's order; those from the variadic operand's place on belong to it.
// Throws ERR_ARGUMENT, ERR_DTYPE or ERR_SHAPE: "<op>: <operand> must be …, but …".
Call check(const OpInfo& op, std::vector<Argument> arguments, std::vector<Attribute> attributes,
           std::span<const View> out);

}  // namespace lophi
