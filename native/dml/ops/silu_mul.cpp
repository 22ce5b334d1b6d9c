#include "dml/ops/table.h"

namespace lophi::dml {

void silu_mul(Commands& commands, const Call& call) {
  const args::SiluMul x(call);
  const uint32_t constants[] = {static_cast<uint32_t>(x.y.count()), static_cast<uint32_t>(x.y.dim(-1))};
  const Operand operands[] = {read(x.x), write(x.y)};
  commands.kernel(silu_mul_shader(x.y.dtype), operands, constants, groups_of_words(x.y));
}

}  // namespace lophi::dml
