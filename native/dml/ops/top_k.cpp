#include "dml/ops/table.h"

namespace lophi::dml {

size_t top_k_scratch(const Call& call) {
  return static_cast<size_t>(args::TopK(call).indices.count()) * 2 * sizeof(uint32_t);
}

void top_k(Commands& commands, const Call& call) {
  const args::TopK x(call);
  const int64_t columns = x.x.dim(-1), rows = x.indices.count() / x.k;
  const uint32_t constants[] = {static_cast<uint32_t>(rows), static_cast<uint32_t>(columns),
                                static_cast<uint32_t>(x.k)};
  const Operand operands[] = {read(x.x), write(x.values), write(x.indices),
                              call.scratch.buffer ? write(call.scratch) : Operand{}};
  commands.kernel(top_k_shader(x.x.dtype), operands, constants, static_cast<uint64_t>(rows));
}

}  // namespace lophi::dml
