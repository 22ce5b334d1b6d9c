// y = rows of one part of the table, dequantised. A thread per element, tokens by grid.y; bound by memory. An id outside of the
// table is reported, and the token gets zeros; ids of other parts are left to them.
#include "cuda/weights.cuh"

namespace {

constexpr int kIds = 1;  // operand

template <class T>
struct Embedding {
  using Params = lophi::cuda::EmbeddingParams;
  DEVICE static void run(const Params& p) {
    const WeightRows& w = p.w;
    T* y = static_cast<T*>(p.y);
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 t = blockIdx.y; t < p.tokens; t += gridDim.y) {
      const int id = p.ids[t];
      const bool known = id >= 0 && id < p.rows;
      if (!known) report(p.faults, kIndex, kIds, t, id, p.rows);
      if (known && (id < w.first || id >= w.first + w.count)) continue;
      for (i64 k = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; k < w.columns; k += step)
        store(y + t * w.columns + (w.order ? w.order[k] : k), known ? weight_at(w, id - w.first, k) : 0.0f);
    }
  }
};

}  // namespace

// instances: Embedding<dtype>
