#include "cpu/layout.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void slice(Context& cpu, const Call& call) {
  const args::Slice x(call);
  const Axis a = axis_of(x.x, x.axis);
  const int64_t start = x.start < 0 ? x.start + a.size : x.start;
  const int64_t size = axis_of(x.y, x.axis).size;
  const int64_t run = size * a.inner;  // elements that lie together
  cpu.pool.run(a.outer, grain_for(x.x.dtype, kGrain / std::max<int64_t>(1, run)), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o)
      copy_elements(x.x.dtype, data_of(x.x), (o * a.size + start) * a.inner, data_of(x.y), o * run, run);
  });
}

}  // namespace lophi::cpu
