#include "dml/ops/copy.h"

#include "dml/ops/table.h"

namespace lophi::dml {

// A kernel and not CopyBufferRegion, which would change the state of both buffers amid a plan.
void copy_bytes(Commands& commands, const Operand& from, const Operand& to) {
  if (!to.bytes) return;
  constexpr uint64_t kGroup = 256 * 4;
  const uint32_t constants[] = {static_cast<uint32_t>(to.bytes)};
  const Operand operands[] = {from, to};
  commands.kernel(copy_shader(), operands, constants, ((to.offset & 3) + to.bytes + kGroup - 1) / kGroup);
}

void copy(Commands& commands, const Call& call) {
  const args::Copy x(call);
  copy_bytes(commands, read(x.x), write(x.y));
}

}  // namespace lophi::dml
