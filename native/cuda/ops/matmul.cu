// y = a · b, made for scripts: weights of a model go through linear. Sums in float32, in an order that follows from the shape alone.
#include "cuda/common.cuh"
#include "cuda/ops/matmul.h"

namespace {

using lophi::cuda::MatmulParams;

// Many rows: a block of 16 x 16 threads makes a tile of 64 x 64, a thread 4 x 4 of it, from slices of 16 values along k in shared
// memory; that of a is turned, so that a thread's four values lie side by side.
template <class T>
struct Matmul {
  using Params = MatmulParams;
  static constexpr int kTile = 64, kDepth = 16, kThreads = 256, kOwn = 4, kPitch = kTile + 4;

  DEVICE static float at(const T* x, i64 row, i64 rows, i64 column, i64 columns) {
    return row < rows && column < columns ? to_float(x[row * columns + column]) : 0.0f;
  }

  DEVICE static void run(const Params& p) {
    SHARED(float, a_tile, kDepth* kPitch);
    SHARED(float, b_tile, kDepth* kPitch);
    const T *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
    const int thread = static_cast<int>(threadIdx.x), x = thread % 16 * kOwn, y = thread / 16 * kOwn;
    const i64 across = (p.n + kTile - 1) / kTile, tiles = across * ((p.m + kTile - 1) / kTile);
    for (i64 tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
      const i64 row = tile / across * kTile, column = tile % across * kTile;
      float sums[kOwn][kOwn] = {};
      for (i64 k = 0; k < p.k; k += kDepth) {
#pragma unroll
        for (int i = 0; i < kTile * kDepth / kThreads; ++i) {
          const int at_a = thread + i * kThreads, depth_a = at_a % kDepth, row_a = at_a / kDepth;
          a_tile[depth_a * kPitch + row_a] = at(a, row + row_a, p.m, k + depth_a, p.k);
          const int depth_b = at_a / kTile, column_b = at_a % kTile;
          b_tile[depth_b * kPitch + column_b] = at(b, k + depth_b, p.k, column + column_b, p.n);
        }
        __syncthreads();
#pragma unroll
        for (int depth = 0; depth < kDepth; ++depth) {
          float of_a[kOwn], of_b[kOwn];
#pragma unroll
          for (int i = 0; i < kOwn; ++i) {
            of_a[i] = a_tile[depth * kPitch + y + i];
            of_b[i] = b_tile[depth * kPitch + x + i];
          }
#pragma unroll
          for (int i = 0; i < kOwn; ++i)
#pragma unroll
            for (int j = 0; j < kOwn; ++j) sums[i][j] += of_a[i] * of_b[j];
        }
        __syncthreads();
      }
#pragma unroll
      for (int i = 0; i < kOwn; ++i)
#pragma unroll
        for (int j = 0; j < kOwn; ++j)
          if (row + y + i < p.m && column + x + j < p.n)
            store(static_cast<T*>(p.y) + (row + y + i) * p.n + column + x + j, sums[i][j]);
    }
  }
};

// Few rows, bound by the memory of b: a block takes 32 neighbouring columns of a row of y, a lane each; its warps share k.
template <class T>
struct MatmulRow {
  using Params = MatmulParams;
  DEVICE static void run(const Params& p) {
    SHARED(float, partial, 32 * 32);
    const int warps = static_cast<int>(blockDim.x / 32);
    const i64 across = (p.n + 31) / 32;
    for (i64 block = blockIdx.x; block < across * p.m; block += gridDim.x) {
      const i64 row = block / across, column = block % across * 32 + lane_id();
      if (column < p.n) {
        const T *a = static_cast<const T*>(p.a) + row * p.k, *b = static_cast<const T*>(p.b) + column;
        float sum = 0;
#pragma unroll 8
        for (i64 k = warp_id(); k < p.k; k += warps) sum += to_float(a[k]) * to_float(b[k * p.n]);
        partial[threadIdx.x] = sum;
      }
      __syncthreads();
      if (warp_id() == 0 && column < p.n) {
        float sum = 0;
        for (int warp = 0; warp < warps; ++warp) sum += partial[warp * 32 + lane_id()];
        store(static_cast<T*>(p.y) + row * p.n + column, sum);
      }
      __syncthreads();
    }
  }
};

}  // namespace

// instances: Matmul<dtype>
// instances: MatmulRow<dtype>
