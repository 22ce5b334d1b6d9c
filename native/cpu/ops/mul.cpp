#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

struct Product {
  float operator()(float a, float b) const { return a * b; }
  int32_t operator()(int32_t a, int32_t b) const {
    return wrapping(a, b, [](uint32_t x, uint32_t y) { return x * y; });
  }
};

}  // namespace

void mul(Context& cpu, const Call& call) {
  const args::Mul x(call);
  binary(cpu, x.a, x.b, x.y, Product{});
}

}  // namespace lophi::cpu
