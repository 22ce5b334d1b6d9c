#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void exp(Context& cpu, const Call& call) {
  const args::Exp x(call);
  unary(cpu, x.x, x.y, [](float v) { return std::exp(v); });
}

}  // namespace lophi::cpu
