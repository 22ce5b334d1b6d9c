#include "cpu/layout.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void concat(Context& cpu, const Call& call) {
  const args::Concat x(call);
  const Axis y = axis_of(x.y, x.axis);
  int64_t first = 0;  // where the operand starts along the axis of y
  for (const View& operand : x.xs) {
    const Axis a = axis_of(operand, x.axis);
    const int64_t run = a.size * a.inner;
    cpu.pool.run(
        a.outer, grain_for(operand.dtype, kGrain / std::max<int64_t>(1, run)), [&](int64_t begin, int64_t end) {
          for (int64_t o = begin; o < end; ++o)
            copy_elements(operand.dtype, data_of(operand), o * run, data_of(x.y), (o * y.size + first) * y.inner, run);
        });
    first += a.size;
  }
}

}  // namespace lophi::cpu
