#include "dml/ops/table.h"

namespace lophi::dml {

void dequantize(Commands& commands, const Call& call) {
  const args::Dequantize x(call);
  const auto word = [](int64_t value) { return static_cast<uint32_t>(value); };
  const uint32_t constants[] = {word(x.y.count()), word(x.columns), word(x.block_size), word(x.scales.dim(1)),
                                x.zeros ? 1u : 0u};
  // zeros are bound always: the shader's compiler may read ahead of a branch
  const Operand operands[] = {read(x.b), read(x.scales), write(x.y), read(x.zeros ? *x.zeros : x.b)};
  commands.kernel(dequantize_shader(x.y.dtype), operands, constants, groups_of_words(x.y));
}

}  // namespace lophi::dml
