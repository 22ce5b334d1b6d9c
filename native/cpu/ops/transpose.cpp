#include "cpu/layout.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void transpose(Context& cpu, const Call& call) {
  const args::Transpose x(call);
  const std::vector<int64_t> of_x = broadcast_strides(x.x.shape, x.x.shape);
  std::array<std::vector<int64_t>, 1> strides;
  for (int64_t axis : x.permutation) strides[0].push_back(of_x[static_cast<size_t>(axis)]);
  cpu.pool.run(x.y.count(), grain_for(x.x.dtype, kGrain), [&](int64_t begin, int64_t end) {
    walk(x.y.shape, strides, begin, end,
         [&](int64_t i, const auto& at) { copy_elements(x.x.dtype, data_of(x.x), at[0], data_of(x.y), i, 1); });
  });
}

}  // namespace lophi::cpu
