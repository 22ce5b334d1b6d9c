// y = a where condition is not 0, else b; operands stretched along axes of size 1. A thread per element, stepping by the grid; bound
// by memory.
#include "cuda/bits.cuh"
#include "cuda/broadcast.cuh"
#include "cuda/ops/where.h"

namespace {

template <class B>
struct Where {
  using Params = lophi::cuda::WhereParams;
  DEVICE static void run(const Params& p) {
    using Unit = typename B::Unit;
    for (i64 i = thread_of_grid(); i < p.count; i += threads_of_grid()) {
      i64 at[3];
      locate(p.shape, i, at);
      static_cast<Unit*>(p.y)[i] =
          p.condition[at[0]] ? static_cast<const Unit*>(p.a)[at[1]] : static_cast<const Unit*>(p.b)[at[2]];
    }
  }
};

}  // namespace

// instances: Where<Bits16 Bits32>
