#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void div(Context& cpu, const Call& call) {
  const args::Div x(call);
  binary(cpu, x.a, x.b, x.y, [](float a, float b) { return a / b; });
}

}  // namespace lophi::cpu
