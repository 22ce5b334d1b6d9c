// The place of the first largest value along an axis. A block per line, stepping by the grid; bound by memory. Of a line that begins
// with NaN it is 0; others do not count.
#include "cuda/row.cuh"

namespace {

template <class T>
struct Argmax {
  using Params = lophi::cuda::ArgmaxParams;
  using Value = decltype(arithmetic(T{}));
  struct Best {
    Value value;
    int at;
  };

  DEVICE static Best best_of(Best a, Best b) {
    return a.value < b.value || (a.value == b.value && b.at < a.at) ? b : a;
  }

  // Of all lanes.
  DEVICE static Best best_of_warp(Best best) {
    for (int distance = 16; distance > 0; distance /= 2)
      best = best_of(best,
                     {__shfl_xor_sync(kAllLanes, best.value, distance), __shfl_xor_sync(kAllLanes, best.at, distance)});
    return best;
  }

  DEVICE static void run(const Params& p) {
    SHARED(Best, partial, 32);
    const int warps = static_cast<int>(blockDim.x / 32);
    for (i64 line = blockIdx.x; line < p.lines; line += gridDim.x) {
      const T* x = static_cast<const T*>(p.x) + line / p.inner * p.size * p.inner + line % p.inner;
      Best best{arithmetic(x[0]), 0};
      const auto meet = [&](i64 i, T element) {
        if (const Value value = arithmetic(element); best.value < value) best = {value, static_cast<int>(i)};
      };
      if (p.inner == 1)
        each_of_row(x, p.size, meet);
      else
        for (i64 i = threadIdx.x; i < p.size; i += blockDim.x) meet(i, x[i * p.inner]);
      best = best_of_warp(best);
      if (lane_id() == 0) partial[warp_id()] = best;
      __syncthreads();
      if (warp_id() == 0) {
        best = best_of_warp(partial[lane_id() < warps ? lane_id() : 0]);
        if (lane_id() == 0) p.y[line] = best.at;
      }
      __syncthreads();
    }
  }
};

}  // namespace

// instances: Argmax<dtype>
