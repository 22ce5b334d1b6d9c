// The one place where operands are checked, from the schema. Backends trust what passed here.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/backend.h"

namespace lophi {

// What a caller hands in for one operand slot.
using Argument = std::variant<std::monostate, View, std::shared_ptr<const Weight>>;

// Checks operands and attributes and sizes the outputs: `call.out` has dtype and shape, and the buffers of `out` where given.
// `arguments` follow the schema's order; those from the variadic operand's place on belong to it.
// Throws ERR_ARGUMENT, ERR_DTYPE or ERR_SHAPE: "<op>: <operand> must be …, but …".
Call check(Op op, std::span<const Argument> arguments, std::vector<Attribute> attributes, std::span<const View> out);

// Name of an op as the schema has it.
const char* name_of(Op op);
// True when the operand at this index of `Call::in` is written too.
bool is_in_out(Op op, size_t index);

}  // namespace lophi
