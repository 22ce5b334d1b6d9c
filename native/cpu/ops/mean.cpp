#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void mean(Context& cpu, const Call& call) {
  const args::Mean x(call);
  with_number(x.x.dtype, [&]<class T>(T) {
    reduce<T, T>(cpu, x.x, x.axis, x.y, [](int64_t count, auto&& get) {
      double total = 0;
      for (int64_t k = 0; k < count; ++k) total += get(k);
      return static_cast<float>(total / static_cast<double>(count));
    });
  });
}

}  // namespace lophi::cpu
