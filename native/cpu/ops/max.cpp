#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void max(Context& cpu, const Call& call) {
  const args::Max x(call);
  with_number(x.x.dtype, [&]<class T>(T) {
    reduce<T, T>(cpu, x.x, x.axis, x.y, [](int64_t count, auto&& get) {
      auto largest = get(0);
      for (int64_t k = 1; k < count; ++k)
        if (largest < get(k)) largest = get(k);
      return largest;
    });
  });
}

}  // namespace lophi::cpu
