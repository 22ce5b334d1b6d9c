#pragma once
#include "dml/commands.h"

namespace lophi::dml {

// Copies as many bytes as `to` has; both may start at any byte.
void copy_bytes(Commands& commands, const Operand& from, const Operand& to);

}  // namespace lophi::dml
