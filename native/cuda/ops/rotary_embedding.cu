// Rotates the first heads of each row by the angles of its position. A thread per element, tokens by grid.y; that of the first
// element of a pair writes both. A position outside of the table is reported, and the row is left as it is.
#include "cuda/common.cuh"

namespace {

constexpr int kPosition = 3;  // operand

template <class T>
struct RotaryEmbedding {
  using Params = lophi::cuda::RotaryEmbeddingParams;
  DEVICE static void run(const Params& p) {
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 t = blockIdx.y; t < p.tokens; t += gridDim.y) {
      const int position = p.position[t];
      const bool known = position >= 0 && position < p.rows;
      if (!known) report(p.faults, kIndex, kPosition, t, position, p.rows);
      const T* x = static_cast<const T*>(p.x) + t * p.width;
      T* y = static_cast<T*>(p.y) + t * p.width;
      for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < p.width; i += step) {
        const i64 within = i % p.head;
        if (!known || i >= p.rotated || within >= 2 * p.half) {
          if (x != y) y[i] = x[i];
        } else if (within < p.half) {
          const float u = to_float(x[i]), v = to_float(x[i + p.half]);
          const float cos = p.cos[position * p.half + within], sin = p.sin[position * p.half + within];
          store(y + i, u * cos - v * sin);
          store(y + i + p.half, v * cos + u * sin);
        }
      }
    }
  }
};

}  // namespace

// instances: RotaryEmbedding<dtype>
