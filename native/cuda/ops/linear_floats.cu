// y = x · wᵀ + bias + residual for few rows of x and w of 16-bit floats in tile order, in float32: bound by the reading of w. The warps of
// a block share the columns of a strip; their sums meet in shared memory, in an order that never changes.
#include "cuda/weights.cuh"

namespace {

using lophi::cuda::LinearFloatsParams;

// Rows of x that a launch takes at most.
template <int rows>
struct Rows {
  static constexpr int kRows = rows;
};
struct One : Rows<1> {};
struct Four : Rows<4> {};

template <class Weights, class Rows>
struct LinearFloats {
  using Params = LinearFloatsParams;
  static constexpr bool kBegins = true;
  static constexpr int kRows = Rows::kRows, kWarps = 8, kBatch = 4, kThreads = 32 * kWarps, kResident = 2;

  // Steps of 16 columns: those of this warp in a batch are kWarps apart.
  DEVICE static void issue(const u8* strip, int step, int steps, uint4 (&to)[kBatch]) {
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (step + i * kWarps < steps) to[i] = ldg_stream(strip + ((step + i * kWarps) * 32 + lane_id()) * 16);
  }

  DEVICE static void consume(const Params& p, const uint4& words, int step, float (&sums)[kRows][2]) {
    const int k = step * 16 + lane_id() % 4 * 2;
    const unsigned word[4] = {words.x, words.y, words.z, words.w};
    for (int m = 0; m < kRows; ++m) {
      if (m >= p.linear.m) break;
      const i64 row = m * p.linear.w.columns;
      for (int half = 0; half < 2; ++half)
        for (int j = 0; j < 2; ++j) {
          const int column = k + half * 8 + j;
          const float x = column < p.linear.w.columns ? load(p.linear.x, p.dtype, row + column) : 0.0f;
          for (int i = 0; i < 2; ++i)
            sums[m][i] = fmaf(to_float(Weights{static_cast<u16>(word[half * 2 + i] >> 16 * j)}), x, sums[m][i]);
        }
    }
  }

  DEVICE static void run(const Params& p) {
    const auto& linear = p.linear;
    const WeightRows& w = linear.w;
    SHARED(float, met, kWarps * kRows * kStripRows);
    const int warp = warp_id(), lane = lane_id(), rows = static_cast<int>(linear.m);
    const auto at = [&](int strip) { return w.data[WeightRows::kLow] + strip * w.stride[WeightRows::kLow]; };
    uint4 now[kBatch], next[kBatch];
    if (static_cast<int>(blockIdx.x) < p.strips) issue(at(blockIdx.x), warp, p.steps, now);
    wait_for_earlier_kernels();
    let_next_kernel_begin();
    for (int strip = blockIdx.x; strip < p.strips; strip += gridDim.x) {
      float sums[kRows][2] = {};
      for (int step = warp; step < p.steps; step += kWarps * kBatch) {
        const int later = step + kWarps * kBatch;
        if (later < p.steps)
          issue(at(strip), later, p.steps, next);
        else if (strip + static_cast<int>(gridDim.x) < p.strips)
          issue(at(strip + gridDim.x), warp, p.steps, next);
#pragma unroll
        for (int i = 0; i < kBatch; ++i)
          if (step + i * kWarps < p.steps) consume(p, now[i], step + i * kWarps, sums);
        for (int i = 0; i < kBatch; ++i) now[i] = next[i];
      }
      for (int m = 0; m < kRows; ++m)
        for (int i = 0; i < 2; ++i) {
          float sum = sums[m][i];
          sum += __shfl_xor_sync(kAllLanes, sum, 1);
          sum += __shfl_xor_sync(kAllLanes, sum, 2);
          if (lane % 4 == 0) met[(warp * kRows + m) * kStripRows + lane / 4 + 8 * i] = sum;
        }
      __syncthreads();
      for (int i = static_cast<int>(threadIdx.x); i < rows * kStripRows; i += kThreads) {
        const int in = i % kStripRows, m = i / kStripRows, n = strip * kStripRows + in;
        if (n >= w.count) continue;
        float sum = 0;
        for (int part = 0; part < kWarps; ++part) sum += met[(part * kRows + m) * kStripRows + in];
        const i64 to = m * linear.n + w.first + n;
        if (linear.bias) sum += linear.bias[w.first + n];
        if (linear.residual) sum += load(linear.residual, p.dtype, to);
        store_as(linear.y, p.dtype, to, sum);
      }
      __syncthreads();
    }
  }
};

}  // namespace

// instances: LinearFloats<weights = Half Bfloat, rows = One Four>
