// Elements in another place: nothing is computed, so kernels move units of so many bits. Bound by memory.
#include "cuda/bits.cuh"
#include "cuda/ops/layout.h"

namespace {

constexpr int kIndices = 1;  // operand of gather

template <class B>
struct Slice {
  using Params = lophi::cuda::RunsParams;
  DEVICE static void run(const Params& p) {
    move(B{}, p.y, p.x, p.count, [&](i64 i) { return p.first + i / p.run * p.stride + i % p.run; });
  }
};

// x is one operand of several: y[first + i / run * stride + i % run] = x[i].
template <class B>
struct Concat {
  using Params = lophi::cuda::RunsParams;
  DEVICE static void run(const Params& p) {
    using Unit = typename B::Unit;
    for (i64 i = thread_of_grid(); i < p.count; i += threads_of_grid())
      static_cast<Unit*>(p.y)[p.first + i / p.run * p.stride + i % p.run] = static_cast<const Unit*>(p.x)[i];
  }
};
// A thread per byte of y, which keeps the nibble that is another operand's.
template <>
struct Concat<Bits4> {
  using Params = lophi::cuda::RunsParams;
  DEVICE static void run(const Params& p) {
    each_nibble(p.y, p.count / p.run * p.stride, [&](i64 i) {
      const i64 place = i % p.stride - p.first;
      return place >= 0 && place < p.run ? nibble_at(p.x, i / p.stride * p.run + place) : nibble_at(p.y, i);
    });
  }
};

// What an index outside of the axis would bring is zeros.
template <class B>
struct Gather {
  using Params = lophi::cuda::GatherParams;
  DEVICE static void run(const Params& p) {
    for (i64 i = thread_of_grid(); i < p.indices_count; i += threads_of_grid())
      if (p.indices[i] < 0 || p.indices[i] >= p.size) report(p.faults, kIndex, kIndices, i, p.indices[i], p.size);
    move(B{}, p.y, p.x, p.count, [&](i64 i) {
      const i64 line = i / p.inner, index = p.indices[line % p.indices_count];
      const bool known = index >= 0 && index < p.size;
      return known ? (line / p.indices_count * p.size + index) * p.inner + i % p.inner : -1;
    });
  }
};

template <class B>
struct Transpose {
  using Params = lophi::cuda::TransposeParams;
  DEVICE static void run(const Params& p) {
    move(B{}, p.y, p.x, p.count, [&](i64 i) {
      i64 at = 0;
      for (int axis = p.rank - 1; axis >= 0; --axis) {
        at += i % p.dims[axis] * p.strides[axis];
        i /= p.dims[axis];
      }
      return at;
    });
  }
};

// A block of 32 x 8 threads per tile of 32 x 32, which turns it in shared memory: both tensors are met side by side.
template <class B>
struct TransposeTiles {
  using Params = lophi::cuda::TransposeTilesParams;
  static constexpr int kSide = 32;
  DEVICE static void run(const Params& p) {
    using Unit = typename B::Unit;
    SHARED(Unit, tile, kSide * (kSide + 1));
    const i64 across = (p.columns + kSide - 1) / kSide, down = (p.rows + kSide - 1) / kSide;
    const int warps = static_cast<int>(blockDim.x / 32);
    for (i64 block = blockIdx.x; block < across * down * p.count; block += gridDim.x) {
      const i64 column = block % across * kSide, row = block / across % down * kSide;
      const Unit* x = static_cast<const Unit*>(p.x);
      Unit* y = static_cast<Unit*>(p.y);
      i64 rest = block / across / down;
      for (int axis = p.rank - 1; axis >= 0; --axis) {
        const i64 place = rest % p.dims[axis];
        rest /= p.dims[axis];
        x += place * p.x_strides[axis];
        y += place * p.y_strides[axis];
      }
      for (int r = warp_id(); r < kSide; r += warps)
        if (row + r < p.rows && column + lane_id() < p.columns)
          tile[r * (kSide + 1) + lane_id()] = x[(row + r) * p.x_stride + column + lane_id()];
      __syncthreads();
      for (int c = warp_id(); c < kSide; c += warps)
        if (column + c < p.columns && row + lane_id() < p.rows)
          y[(column + c) * p.y_stride + row + lane_id()] = tile[lane_id() * (kSide + 1) + c];
      __syncthreads();
    }
  }
};

}  // namespace

// instances: Slice<Bits4 Bits8 Bits16 Bits32 Bits128>
// instances: Concat<Bits4 Bits8 Bits16 Bits32 Bits128>
// instances: Gather<Bits4 Bits8 Bits16 Bits32 Bits128>
// instances: Transpose<Bits4 Bits8 Bits16 Bits32 Bits128>
// instances: TransposeTiles<Bits8 Bits16 Bits32>
