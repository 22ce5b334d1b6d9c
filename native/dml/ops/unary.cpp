#include "dml/ops/table.h"

namespace lophi::dml {

void unary(Commands& commands, const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  const uint32_t constants[] = {static_cast<uint32_t>(y.count())};
  const Operand operands[] = {read(x), write(y)};
  commands.kernel(unary_shader(call.op->kind(), y.dtype), operands, constants, groups_of_words(y));
}

}  // namespace lophi::dml
