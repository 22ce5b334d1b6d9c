#include "dml/ops/table.h"

namespace lophi::dml {

void rotary_embedding(Commands& commands, const Call& call) {
  const args::RotaryEmbedding x(call);
  const auto word = [](int64_t value) { return static_cast<uint32_t>(value); };
  const int64_t width = x.x.dim(1);
  const uint32_t constants[] = {word(x.x.dim(0)),
                                word(width),
                                word(x.head_dim),
                                word(x.cos.dim(1)),
                                word(x.heads ? x.heads * x.head_dim : width),
                                word(x.cos.dim(0))};
  const Operand operands[] = {read(x.x), read(x.cos), read(x.sin), read(x.position), write(x.y)};
  commands.kernel(rotary_embedding_shader(x.y.dtype), operands, constants, groups_of(x.y.count(), 256), 1, &call);
}

}  // namespace lophi::dml
