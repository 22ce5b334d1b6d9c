#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void tanh(Context& cpu, const Call& call) {
  const args::Tanh x(call);
  unary(cpu, x.x, x.y, [](float v) { return std::tanh(v); });
}

}  // namespace lophi::cpu
