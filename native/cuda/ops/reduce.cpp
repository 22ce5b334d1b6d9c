#include "cuda/ops/reduce.h"

#include <algorithm>

#include "core/strides.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {

// Every reduction has the attribute axis first. A warp for every 32 steps along the axis that a thread would take alone.
void reduce(Context& cuda, const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  const Axis a = axis_of(x, call.attributes[0].integer);
  const ReduceParams p{pointer_to(x), pointer_to(y), a.outer, a.size, a.inner};
  const bool rows = a.inner == 1;
  const int64_t warps = std::clamp<int64_t>(blocks(a.size, rows ? 32 * 4 : 4), 1, rows ? 32 : 8);
  const int64_t lines = a.outer * a.inner;
  cuda.launch(reduce_kernel(call.op->kind(), x.dtype),
              {rows ? lines : blocks(lines, 32), 1, static_cast<int>(warps * 32)}, p);
}

}  // namespace lophi::cuda
