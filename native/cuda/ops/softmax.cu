// y = e^(x - max) / Σ e^(x - max) along an axis. A block per line, stepping by the grid; bound by memory.
#include "cuda/common.cuh"

namespace {

template <class T>
struct Softmax {
  using Params = lophi::cuda::SoftmaxParams;
  DEVICE static void run(const Params& p) {
    for (i64 line = blockIdx.x; line < p.lines; line += gridDim.x) {
      const i64 first = line / p.inner * p.size * p.inner + line % p.inner;
      const T* x = static_cast<const T*>(p.x) + first;
      T* y = static_cast<T*>(p.y) + first;
      float top = -kInfinity, sum = 0;
      for (i64 i = threadIdx.x; i < p.size; i += blockDim.x) top = fmaxf(top, to_float(x[i * p.inner]));
      top = block_max(top);
      for (i64 i = threadIdx.x; i < p.size; i += blockDim.x) sum += expf(to_float(x[i * p.inner]) - top);
      sum = block_sum(sum);
      for (i64 i = threadIdx.x; i < p.size; i += blockDim.x)
        store(y + i * p.inner, expf(to_float(x[i * p.inner]) - top) / sum);
    }
  }
};

}  // namespace

// instances: Softmax<dtype>
