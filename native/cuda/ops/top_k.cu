// The k largest values of each row and their places, largest first, equal ones by place. A block per row, stepping by the grid: it finds
// the k-th, gathers what is not behind it, and counts for each how many stand in front of it.
#include "cuda/ops/top_k.h"
#include "cuda/select.cuh"

namespace {

template <class T>
struct TopK {
  using Params = lophi::cuda::TopKParams;
  DEVICE static void run(const Params& p) {
    SHARED(unsigned, gathered, 1);
    for (i64 row = blockIdx.x; row < p.rows; row += gridDim.x) {
      const T* x = static_cast<const T*>(p.x) + row * p.columns;
      u64* keys = p.keys + row * p.k;
      if (threadIdx.x == 0) *gathered = 0;
      const auto at = [&](i64 i) -> Amount { return {ranked(to_float(x[i]), i), 1}; };
      const u64 last = find_place(p.columns, static_cast<u64>(p.k) - 1, at).key;
      for (i64 i = threadIdx.x; i < p.columns; i += blockDim.x)
        if (const u64 key = at(i).key; key >= last) keys[atomicAdd(gathered, 1u)] = key;
      __syncthreads();
      for (i64 i = threadIdx.x; i < p.k; i += blockDim.x) {
        i64 place = row * p.k;
        for (i64 other = 0; other < p.k; ++other) place += keys[other] > keys[i];
        static_cast<T*>(p.values)[place] = x[index_of(keys[i])];
        p.indices[place] = static_cast<int>(index_of(keys[i]));
      }
      __syncthreads();
    }
  }
};

}  // namespace

// instances: TopK<dtype>
