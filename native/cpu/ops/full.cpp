#include "cpu/convert.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void full(Context& cpu, const Call& call) {
  const args::Full x(call);
  cpu.pool.run(x.y.count(), grain_for(x.y.dtype, kGrain), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) store_element(x.y.dtype, data_of(x.y), i, x.value);
  });
}

}  // namespace lophi::cpu
