#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

struct Sum {
  float operator()(float a, float b) const { return a + b; }
  int32_t operator()(int32_t a, int32_t b) const {
    return wrapping(a, b, [](uint32_t x, uint32_t y) { return x + y; });
  }
};

}  // namespace

void add(Context& cpu, const Call& call) {
  const args::Add x(call);
  binary(cpu, x.a, x.b, x.y, Sum{});
}

}  // namespace lophi::cpu
