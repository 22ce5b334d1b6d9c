#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void sqrt(Context& cpu, const Call& call) {
  const args::Sqrt x(call);
  unary(cpu, x.x, x.y, [](float v) { return std::sqrt(v); });
}

}  // namespace lophi::cpu
