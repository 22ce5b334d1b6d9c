#include <bit>

#include "dml/ops/table.h"

namespace lophi::dml {

void add_rms_norm(Commands& commands, const Call& call) {
  const args::AddRmsNorm x(call);
  const int64_t columns = x.x.dim(-1), rows = columns ? x.x.count() / columns : 0;
  const uint32_t constants[] = {static_cast<uint32_t>(rows), static_cast<uint32_t>(columns),
                                std::bit_cast<uint32_t>(static_cast<float>(x.epsilon))};
  const Operand operands[] = {read(x.x), read(x.residual), read(x.weight), write(x.sum), write(x.y)};
  commands.kernel(add_rms_norm_shader(x.x.dtype, x.weight.dtype), operands, constants, static_cast<uint64_t>(rows));
}

}  // namespace lophi::dml
