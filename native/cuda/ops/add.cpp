#include "cuda/broadcast.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {

void add(Context& cuda, const Call& call) {
  const args::Add x(call);
  const long long count = x.y.count();
  const Grid grid{blocks(count, 256)};
  cuda.launch("add", name_of(x.y.dtype), grid, address_of(x.a), address_of(x.b), address_of(x.y), count,
              broadcast(x.a.shape, x.b.shape, x.y.shape));
}

}  // namespace lophi::cuda
