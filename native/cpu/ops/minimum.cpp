#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void minimum(Context& cpu, const Call& call) {
  const args::Minimum x(call);
  binary(cpu, x.a, x.b, x.y, [](auto a, auto b) { return b < a ? b : a; });
}

}  // namespace lophi::cpu
