// y = rows of the table, dequantised. A thread per element, tokens by grid.y; bound by memory. An id outside of the table is
// reported, and the token gets zeros.
#include "cuda/weights.cuh"

namespace {

constexpr int kIds = 1;  // operand

template <class W>
DEVICE float element(const u8* table, i64 row, i64 i, i64 columns) {
  return W::value(table + row * (columns / W::kBlock) * W::kBytes, i);
}

template <class T>
struct Embedding {
  using Params = lophi::cuda::EmbeddingParams;
  DEVICE static void run(const Params& p) {
    T* y = static_cast<T*>(p.y);
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 t = blockIdx.y; t < p.tokens; t += gridDim.y) {
      const int id = p.ids[t];
      const bool known = id >= 0 && id < p.rows;
      if (!known) report(p.faults, kIndex, kIds, t, id, p.rows);
      for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < p.columns; i += step)
        store(y + t * p.columns + i, known ? value(p, id, i) : 0.0f);
    }
  }
  DEVICE static float value(const Params& p, i64 row, i64 i) {
    switch (p.format) {
      case kFormatFloat32:
        return element<Float32>(p.table, row, i, p.columns);
      case kFormatFloat16:
        return element<Float16>(p.table, row, i, p.columns);
      case kFormatBfloat16:
        return element<Bfloat16>(p.table, row, i, p.columns);
      case kFormatQ8_0:
        return element<Q8_0>(p.table, row, i, p.columns);
      default:
        return element<Q4_0>(p.table, row, i, p.columns);
    }
  }
};

}  // namespace

// instances: Embedding<dtype>
