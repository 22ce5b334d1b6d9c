#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void sum(Context& cpu, const Call& call) {
  const args::Sum x(call);
  with_number(x.x.dtype, [&]<class T>(T) {
    reduce<T, T>(cpu, x.x, x.axis, x.y, [](int64_t count, auto&& get) {
      // int32 wraps around; floats add up in double, because a long line loses digits in float32.
      using Total = std::conditional_t<std::is_same_v<T, int32_t>, uint32_t, double>;
      Total total = 0;
      for (int64_t k = 0; k < count; ++k) total += static_cast<Total>(get(k));
      return static_cast<Arithmetic<T>>(total);
    });
  });
}

}  // namespace lophi::cpu
