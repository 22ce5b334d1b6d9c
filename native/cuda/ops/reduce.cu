// One value of every line along an axis; bound by memory. Lines that lie together (inner = 1) have a block each, its threads side by
// side along the line. Otherwise a block takes 32 neighbouring lines, a lane each, and its warps share the axis. The order of the sums
// follows from the shape alone.
#include "cuda/common.cuh"
#include "cuda/ops/reduce.h"

namespace {

// A float sum that keeps what its additions round off (Knuth's two-sum): a long line loses no digits.
struct FloatSum {
  float sum, rest;
};

DEVICE FloatSum plus(FloatSum a, float x) {
  const float sum = a.sum + x, added = sum - a.sum;
  return {sum, a.rest + ((a.sum - (sum - added)) + (x - added))};
}
// An infinite sum has no rest: the difference of infinities is no number.
DEVICE float value_of(FloatSum a) { return a.rest - a.rest == 0 ? a.sum + a.rest : a.sum; }
DEVICE unsigned plus(unsigned a, int x) { return a + static_cast<unsigned>(x); }
DEVICE unsigned value_of(unsigned a) { return a; }

DEVICE FloatSum zero(float) { return {0, 0}; }
DEVICE unsigned zero(int) { return 0; }  // wraps around

// A reduction: `begin` with the first value of the line, `take` another, `give` what a thread has found, `join` two of those, and
// `end` with what all have found.
struct Sum {
  template <class A>
  DEVICE static auto begin(A) {
    return zero(A{});
  }
  template <class S, class A>
  DEVICE static S take(S found, A x) {
    return plus(found, x);
  }
  template <class S>
  DEVICE static auto give(S found) {
    return value_of(found);
  }
  template <class V>
  DEVICE static V join(V a, V b) {
    return a + b;
  }
  DEVICE static float end(float found, i64) { return found; }
  DEVICE static int end(unsigned found, i64) { return static_cast<int>(found); }
};
struct Mean : Sum {
  DEVICE static float end(float found, i64 size) { return found / static_cast<float>(size); }
};
// Of a line that begins with NaN it is NaN; others do not count.
struct Max {
  template <class A>
  DEVICE static A begin(A first) {
    return first;
  }
  template <class A>
  DEVICE static A take(A found, A x) {
    return found < x ? x : found;
  }
  template <class A>
  DEVICE static A give(A found) {
    return found;
  }
  template <class A>
  DEVICE static A join(A a, A b) {
    return take(a, b);
  }
  template <class A>
  DEVICE static A end(A found, i64) {
    return found;
  }
};

template <class F, class T>
struct Reduce {
  using Params = lophi::cuda::ReduceParams;
  using Found = decltype(F::give(F::begin(arithmetic(T{}))));

  // Values k, k + step, ... of a line.
  DEVICE static Found along(const T* line, i64 k, i64 step, const Params& p) {
    auto found = F::begin(arithmetic(line[0]));
    for (; k < p.size; k += step) found = F::take(found, arithmetic(line[k * p.inner]));
    return F::give(found);
  }

  DEVICE static Found of_warp(Found found) {
    for (int distance = 16; distance > 0; distance /= 2)
      found = F::join(found, __shfl_xor_sync(kAllLanes, found, distance));
    return found;
  }

  DEVICE static void rows(const Params& p) {
    SHARED(Found, partial, 32);
    const T* x = static_cast<const T*>(p.x);
    const int warps = static_cast<int>(blockDim.x / 32);
    for (i64 line = blockIdx.x; line < p.outer; line += gridDim.x) {
      const Found found = of_warp(along(x + line * p.size, threadIdx.x, blockDim.x, p));
      if (lane_id() == 0) partial[warp_id()] = found;
      __syncthreads();
      if (threadIdx.x == 0) {
        Found all = partial[0];
        for (int warp = 1; warp < warps; ++warp) all = F::join(all, partial[warp]);
        store(static_cast<T*>(p.y) + line, F::end(all, p.size));
      }
      __syncthreads();
    }
  }

  DEVICE static void columns(const Params& p) {
    SHARED(Found, partial, 32 * 32);
    const T* x = static_cast<const T*>(p.x);
    const i64 lines = p.outer * p.inner;
    const int warps = static_cast<int>(blockDim.x / 32);
    for (i64 first = static_cast<i64>(blockIdx.x) * 32; first < lines; first += static_cast<i64>(gridDim.x) * 32) {
      const i64 line = first + lane_id();
      if (line < lines) {
        const T* from = x + line / p.inner * p.size * p.inner + line % p.inner;
        partial[threadIdx.x] = along(from, warp_id(), warps, p);
      }
      __syncthreads();
      if (warp_id() == 0 && line < lines) {
        Found all = partial[lane_id()];
        for (int warp = 1; warp < warps; ++warp) all = F::join(all, partial[warp * 32 + lane_id()]);
        store(static_cast<T*>(p.y) + line, F::end(all, p.size));
      }
      __syncthreads();
    }
  }

  DEVICE static void run(const Params& p) {
    if (p.inner == 1)
      rows(p);
    else
      columns(p);
  }
};

}  // namespace

// instances: Reduce<op, dtype>
