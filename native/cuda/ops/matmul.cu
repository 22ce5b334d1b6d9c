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

// 16-bit floats and many rows, on tensor cores: a block of 2 x 4 warps makes a tile of y, each warp a part of it by 16 x 8; slices of 32
// values along k come to shared memory while the one before is multiplied.
template <int height, int width>
struct Tile {
  static constexpr int kRows = height, kColumns = width;
};
struct Large : Tile<128, 128> {};
struct Small : Tile<64, 64> {};

DEVICE void products(Half, float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) { mma16816(c, a, b); }
DEVICE void products(Bfloat, float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) { mma16816_bf16(c, a, b); }

// c += a · b for half `which` of b's 16 columns.
template <class T>
DEVICE void multiply(T, float (&c)[4], uint4 a, uint4 b, int which) {
  const unsigned left[4] = {a.x, a.y, a.z, a.w}, right[2] = {which ? b.z : b.x, which ? b.w : b.y};
  products(T{}, c, left, right);
}

template <class T, class Size>
struct MatmulTensor {
  using Params = MatmulParams;
  static constexpr int kRows = Size::kRows, kColumns = Size::kColumns, kDepth = 32, kThreads = 256;
  // Eight rows that follow each other begin in different banks.
  static constexpr int kPitchA = kDepth + 8, kPitchB = kColumns + 8;
  static constexpr int kSizeA = kRows * kPitchA, kSize = kSizeA + kDepth * kPitchB;
  static constexpr int kOwnRows = kRows / 2, kOwnColumns = kColumns / 4;  // of a warp
  static constexpr int kTilesA = kOwnRows / 16, kTilesB = kOwnColumns / 8;

  // A matrix (rows, columns) from (row, column) on to `high` x `wide` elements; zeros behind its ends.
  template <int high, int wide, int pitch>
  DEVICE static void fetch(T* to, const T* from, i64 row, i64 rows, i64 column, i64 columns, bool whole) {
    constexpr int kUnit = 8;
#pragma unroll
    for (int i = static_cast<int>(threadIdx.x); i < high * wide / kUnit; i += kThreads) {
      const int r = i / (wide / kUnit), c = i % (wide / kUnit) * kUnit;
      T* at = to + r * pitch + c;
      const T* x = from + (row + r) * columns + column + c;
      if (whole) {
        const bool inside = row + r < rows && column + c < columns;
        cp_async16(at, inside ? x : from, inside);
      } else {
        for (int j = 0; j < kUnit; ++j) at[j] = row + r < rows && column + c + j < columns ? x[j] : T{};
      }
    }
  }

  DEVICE static void run(const Params& p) {
    SHARED(uint4, held, 2 * kSize / 8);
    T* slices = reinterpret_cast<T*>(held);
    const T *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
    T* y = static_cast<T*>(p.y);
    const int lane = lane_id(), warp_row = warp_id() / 4 * kOwnRows, warp_column = warp_id() % 4 * kOwnColumns;
    const int matrix_row = lane % 16, matrix_column = lane / 16 * 8;  // where a lane's row of a load begins
    const i64 across = (p.n + kColumns - 1) / kColumns, tiles = across * ((p.m + kRows - 1) / kRows);
    const i64 slice_count = (p.k + kDepth - 1) / kDepth;
    for (i64 tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
      const i64 row = tile / across * kRows, column = tile % across * kColumns;
      const auto fetch_slice = [&](i64 slice) {
        T* to = slices + slice % 2 * kSize;
        fetch<kRows, kDepth, kPitchA>(to, a, row, p.m, slice * kDepth, p.k, p.whole);
        fetch<kDepth, kColumns, kPitchB>(to + kSizeA, b, slice * kDepth, p.k, column, p.n, p.whole);
        cp_async_commit();
      };
      float sums[kTilesA][kTilesB][4] = {};
      if (slice_count > 0) fetch_slice(0);
      for (i64 slice = 0; slice < slice_count; ++slice) {
        if (slice + 1 < slice_count) {
          fetch_slice(slice + 1);
          cp_async_wait<1>();
        } else {
          cp_async_wait<0>();
        }
        __syncthreads();
        const T *of_a = slices + slice % 2 * kSize, *of_b = of_a + kSizeA;
#pragma unroll 1  // else registers run short
        for (int k = 0; k < kDepth; k += 16) {
          uint4 left[kTilesA], right[kTilesB / 2];
#pragma unroll
          for (int i = 0; i < kTilesA; ++i)
            left[i] = ldmatrix4(of_a + (warp_row + 16 * i + matrix_row) * kPitchA + k + matrix_column);
#pragma unroll
          for (int j = 0; j < kTilesB / 2; ++j)
            right[j] = ldmatrix4_turned(of_b + (k + matrix_row) * kPitchB + warp_column + 16 * j + matrix_column);
#pragma unroll
          for (int i = 0; i < kTilesA; ++i)
#pragma unroll
            for (int j = 0; j < kTilesB; ++j) multiply(T{}, sums[i][j], left[i], right[j / 2], j % 2);
        }
        __syncthreads();
      }
#pragma unroll
      for (int i = 0; i < kTilesA; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const i64 r = row + warp_row + 16 * i + 8 * half + lane / 4, c = column + warp_column + lane % 4 * 2;
          T* to = y + r * p.n + c;
          if (r >= p.m) continue;
#pragma unroll
          for (int j = 0; j < kTilesB; ++j) {
            if (c + 8 * j < p.n) store(to + 8 * j, sums[i][j][2 * half]);
            if (c + 8 * j + 1 < p.n) store(to + 8 * j + 1, sums[i][j][2 * half + 1]);
          }
        }
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
// instances: MatmulTensor<type = Half Bfloat, tile = Large Small>
// instances: MatmulRow<dtype>
