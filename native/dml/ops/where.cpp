#include "dml/ops/stretch.h"

namespace lophi::dml {

void where(Commands& commands, const Call& call) {
  const args::Where x(call);
  const Operand operands[] = {read(x.condition), read(x.a), read(x.b), write(x.y)};
  commands.kernel(where_shader(bits_of(x.y.dtype)), operands, stretched(x.y, {&x.condition, &x.a, &x.b}),
                  groups_of_words(x.y));
}

}  // namespace lophi::dml
