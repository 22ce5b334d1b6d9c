#include "cpu/convert.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void arange(Context& cpu, const Call& call) {
  const args::Arange x(call);
  cpu.pool.run(x.y.count(), grain_for(x.y.dtype, kGrain), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      store_element(x.y.dtype, data_of(x.y), i, x.start + static_cast<double>(i) * x.step);
  });
}

}  // namespace lophi::cpu
