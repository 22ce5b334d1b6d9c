// y = norm(x) · wᵀ + bias + residual, or silu of gates times ups, for few rows of x and w of 16-bit floats in tile order, in float32: bound by the reading of w. The warps of
// a block share the columns of a strip; their sums meet in shared memory, in an order that never changes.
#include "cuda/product.cuh"

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

  // `scales`: those of the norms of rows.
  DEVICE static void consume(const Params& p, const uint4& words, int step, const float (&scales)[kRows],
                             float (&sums)[kRows][2]) {
    const NormParams& norm = p.linear.norm;
    const int k = step * 16 + lane_id() % 4 * 2;
    const unsigned word[4] = {words.x, words.y, words.z, words.w};
    for (int m = 0; m < kRows; ++m) {
      if (m >= p.linear.m) break;
      const i64 row = m * p.linear.w.columns;
      for (int half = 0; half < 2; ++half)
        for (int j = 0; j < 2; ++j) {
          const int column = k + half * 8 + j;
          float x = column < p.linear.w.columns ? load(p.linear.x, p.dtype, row + column) : 0.0f;
          if (norm.weight && column < p.linear.w.columns) x = Norm{norm}.normed(x, scales[m], column);
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
    SHARED(float, gates, kRows* kStripRows);
    const auto at = [&](int strip) { return w.data[WeightRows::kLow] + strip * w.stride[WeightRows::kLow]; };
    const Strips strips(linear, p.strips);
    uint4 now[kBatch], next[kBatch];
    if (strips[0] < strips.count) issue(at(strips[0]), warp, p.steps, now);
    wait_for_earlier_kernels();
    let_next_kernel_begin();
    float scales[kRows] = {};
    if (linear.norm.weight)
#pragma unroll
      for (int m = 0; m < kRows; ++m)
        if (m < rows) scales[m] = Norm{linear.norm}.scale(linear.x, p.dtype, m * w.columns, w.columns);
    for (int turn = 0, strip = strips[0]; strip < strips.count; strip = strips[++turn]) {
      float sums[kRows][2] = {};
      for (int step = warp; step < p.steps; step += kWarps * kBatch) {
        const int later = step + kWarps * kBatch;
        if (later < p.steps)
          issue(at(strip), later, p.steps, next);
        else if (strips[turn + 1] < strips.count)
          issue(at(strips[turn + 1]), warp, p.steps, next);
#pragma unroll
        for (int i = 0; i < kBatch; ++i)
          if (step + i * kWarps < p.steps) consume(p, now[i], step + i * kWarps, scales, sums);
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
        const int in = i % kStripRows, m = i / kStripRows;
        float sum = 0;
        for (int part = 0; part < kWarps; ++part) sum += met[(part * kRows + m) * kStripRows + in];
        put(linear, p.dtype, m, strip, in, sum, gates);
      }
      __syncthreads();
    }
  }
};

}  // namespace

// instances: LinearFloats<weights = Half Bfloat, rows = One Four>
