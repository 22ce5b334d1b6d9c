#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void argmax(Context& cpu, const Call& call) {
  const args::Argmax x(call);
  with_number(x.x.dtype, [&]<class T>(T) {
    reduce<int32_t, T>(cpu, x.x, x.axis, x.y, [](int64_t count, auto&& get) {
      int64_t best = 0;
      for (int64_t k = 1; k < count; ++k)
        if (get(best) < get(k)) best = k;
      return static_cast<int32_t>(best);
    });
  });
}

}  // namespace lophi::cpu
