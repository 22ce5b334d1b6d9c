#include "dml/ops/table.h"

namespace lophi::dml {

void linear(Commands& commands, const Call& call) {
  const args::Linear x(call);
  const auto& w = static_cast<const DmlWeight&>(x.w);
  const int64_t m = w.rows ? x.y.count() / w.rows : 0;
  const Macro macros[] = {{"TYPE", static_cast<int>(x.x.dtype)}};
  const uint32_t constants[] = {static_cast<uint32_t>(m), static_cast<uint32_t>(w.rows),
                                static_cast<uint32_t>(w.columns), static_cast<uint32_t>(w.scales)};
  const Operand weight{w.buffer, 0, w.device_bytes, false};
  const Operand operands[] = {read(x.x), weight, write(x.y)};
  commands.kernel("linear", macros, operands, constants, static_cast<uint64_t>(w.rows), static_cast<uint32_t>(m));
}

}  // namespace lophi::dml
