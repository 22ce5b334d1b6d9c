#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void maximum(Context& cpu, const Call& call) {
  const args::Maximum x(call);
  binary(cpu, x.a, x.b, x.y, [](auto a, auto b) { return a < b ? b : a; });
}

}  // namespace lophi::cpu
