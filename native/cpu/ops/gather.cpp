#include "cpu/layout.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void gather(Context& cpu, const Call& call) {
  const args::Gather x(call);
  const Axis a = axis_of(x.x, x.axis);
  const int32_t* indices = data_as<int32_t>(x.indices);
  const int64_t count = x.indices.count();
  for (int64_t i = 0; i < count; ++i)
    if (indices[i] < 0 || indices[i] >= a.size)
      throw range_error("gather: indices[" + std::to_string(i) + "] must be below " + std::to_string(a.size) +
                        ", but it is " + std::to_string(indices[i]));
  cpu.pool.run(a.outer * count, grain_for(x.x.dtype, kGrain / std::max<int64_t>(1, a.inner)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i)
                   copy_elements(x.x.dtype, data_of(x.x), (i / count * a.size + indices[i % count]) * a.inner,
                                 data_of(x.y), i * a.inner, a.inner);
               });
}

}  // namespace lophi::cpu
