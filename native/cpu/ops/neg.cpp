#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

struct Negative {
  float operator()(float v) const { return -v; }
  int32_t operator()(int32_t v) const {
    return wrapping(0, v, [](uint32_t zero, uint32_t x) { return zero - x; });
  }
};

}  // namespace

void neg(Context& cpu, const Call& call) {
  const args::Neg x(call);
  unary(cpu, x.x, x.y, Negative{});
}

}  // namespace lophi::cpu
