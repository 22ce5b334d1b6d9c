#include "dml/ops/stretch.h"

namespace lophi::dml {

void binary(Commands& commands, const Call& call) {
  const View &a = call.in[0], &b = call.in[1], &y = call.out[0];
  const Operand operands[] = {read(a), read(b), write(y)};
  commands.kernel(binary_shader(call.op->kind(), y.dtype), operands, stretched(y, {&a, &b}), groups_of_words(y));
}

}  // namespace lophi::dml
