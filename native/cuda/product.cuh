// What stands before and behind the products of few rows of x: its norm, and what becomes of the sums.
#pragma once
#include "cuda/weights.cuh"

namespace {

using lophi::cuda::LinearParams;
using lophi::cuda::NormParams;

// rmsNorm of x as it is read. Its scale costs a block two looks at the row, from the second cache and from the first one, while its first
// weights are on their way: less than a launch, a write and a read of the row.
struct Norm {
  const NormParams& of;
  static constexpr int kTurns = 4;  // of a block of 256 threads at least, for the 1024 of rms_norm.cu

  // Of elements [first, first + columns) of x: for all threads of the block, in the order of rms_norm.cu with `of.threads` threads, so
  // that the bits do not depend on who norms.
  DEVICE float scale(const void* x, int dtype, i64 first, i64 columns) const {
    SHARED(float, partial, 32);
    const int threads = static_cast<int>(blockDim.x), thread = static_cast<int>(threadIdx.x);
    const i64 gains = columns * (of.dtype == kFloat32 ? 4 : 2);
    for (i64 i = thread; i * 128 < gains; i += threads) prefetch(static_cast<const u8*>(of.weight) + i * 128);
    float squares[kTurns] = {};
    for (i64 from = 0; from < columns; from += of.threads)
#pragma unroll
      for (int turn = 0; turn < kTurns; ++turn) {
        const int at = thread + turn * threads;
        if (at >= of.threads || from + at >= columns) continue;
        const float value = load(x, dtype, first + from + at);
        squares[turn] += value * value;
      }
    __syncthreads();
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) {
      const int at = thread + turn * threads;
      if (at >= of.threads) continue;
      const float sum = warp_sum(squares[turn]);
      if (lane_id() == 0) partial[at / 32] = sum;
    }
    __syncthreads();
    const float sum = warp_sum(lane_id() < of.threads / 32 ? partial[lane_id()] : 0.0f);
    return 1.0f / sqrtf(sum / static_cast<float>(columns) + of.epsilon);
  }
  // Element k of the row.
  DEVICE float normed(float value, float scale, i64 k) const { return value * scale * load(of.weight, of.dtype, k); }
};

// The strips of a block: every so many-th. Of gates and ups, halves of w, a strip and the one that is paired with it, in turn.
struct Strips {
  int count;
  bool paired;
  DEVICE Strips(const LinearParams& p, int strips) : count(strips), paired(p.silu) {}
  // Of turn `turn` of this block; `count` and more: it has no such turn.
  DEVICE int operator[](int turn) const {
    if (!paired) return static_cast<int>(blockIdx.x + turn * gridDim.x);
    const int pair = static_cast<int>(blockIdx.x + turn / 2 * gridDim.x);
    return pair < count / 2 ? pair + turn % 2 * (count / 2) : count;
  }
};

// The end of a product: the sum of row m of x and row `in` of a strip. A thread that has that of a gate has that of its up, and keeps it
// in `gates` [m][16] until then.
DEVICE void put(const LinearParams& p, int dtype, int m, int strip, int in, float sum, float* gates) {
  i64 n = strip * kStripRows + in;
  if (n >= p.w.count) return;
  if (p.bias) sum += p.bias[p.w.first + n];
  if (p.silu) {
    float& gate = gates[m * kStripRows + in];
    if (n < p.n) {
      gate = sum;
      return;
    }
    n -= p.n;
    sum = gate / (1.0f + expf(-gate)) * sum;
  }
  const i64 to = m * p.n + p.w.first + n;
  if (p.residual) sum += load(p.residual, dtype, to);
  store_as(p.y, dtype, to, sum);
}

}  // namespace
