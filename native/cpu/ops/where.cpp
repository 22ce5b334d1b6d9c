#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void where(Context& cpu, const Call& call) {
  const args::Where x(call);
  const std::array strides{broadcast_strides(x.condition.shape, x.y.shape), broadcast_strides(x.a.shape, x.y.shape),
                           broadcast_strides(x.b.shape, x.y.shape)};
  with_number(x.a.dtype, [&]<class T>(T) {
    const uint8_t* condition = data_as<uint8_t>(x.condition);
    const T *a = data_as<T>(x.a), *b = data_as<T>(x.b);
    T* y = data_as<T>(x.y);
    cpu.pool.run(x.y.count(), kGrain, [&](int64_t begin, int64_t end) {
      walk(x.y.shape, strides, begin, end,
           [&](int64_t i, const auto& at) { y[i] = condition[at[0]] ? a[at[1]] : b[at[2]]; });
    });
  });
}

}  // namespace lophi::cpu
