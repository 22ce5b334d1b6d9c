#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void log(Context& cpu, const Call& call) {
  const args::Log x(call);
  unary(cpu, x.x, x.y, [](float v) { return std::log(v); });
}

}  // namespace lophi::cpu
