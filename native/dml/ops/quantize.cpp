#include "dml/ops/table.h"

namespace lophi::dml {

void quantize(Commands& commands, const Call& call) {
  const args::Quantize x(call);
  const auto word = [](int64_t value) { return static_cast<uint32_t>(value); };
  const uint32_t constants[] = {word(x.scales.dim(1)), word(x.x.dim(1)), word(x.block_size), x.symmetric ? 1u : 0u,
                                word(x.x.dim(0))};
  const Operand operands[] = {read(x.x), write(x.b), write(x.scales), write(x.zeros)};
  commands.kernel(quantize_shader(x.x.dtype), operands, constants, static_cast<uint64_t>(x.zeros.count()));
}

}  // namespace lophi::dml
