#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void sigmoid(Context& cpu, const Call& call) {
  const args::Sigmoid x(call);
  unary(cpu, x.x, x.y, [](float v) { return 1.0f / (1.0f + std::exp(-v)); });
}

}  // namespace lophi::cpu
