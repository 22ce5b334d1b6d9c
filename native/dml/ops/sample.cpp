#include "dml/ops/table.h"

namespace lophi::dml {

size_t sample_scratch(const Call& call) {
  return static_cast<size_t>(args::Sample(call).logits.count()) * sizeof(float);
}

void sample(Commands& commands, const Call& call) {
  const args::Sample x(call);
  const int64_t rows = x.logits.dim(0);
  if (!rows) return;
  const uint32_t constants[] = {static_cast<uint32_t>(rows), static_cast<uint32_t>(x.logits.dim(1)),
                                static_cast<uint32_t>(x.histories.dim(1))};
  const Operand operands[] = {read(x.logits),     read(x.params), read(x.seeds),    read(x.position),
                              write(x.histories), write(x.id),    write(x.logprob), write(call.scratch)};
  commands.kernel(sample_shader(x.logits.dtype), operands, constants, static_cast<uint64_t>(rows), 1, &call);
}

}  // namespace lophi::dml
