// x as 4 bits per block of a row. A warp takes two neighbouring blocks, whose zero points share a byte; its lanes walk along them.
// Reads x twice, the second time from the cache; bound by memory.
#include "cuda/common.cuh"
#include "cuda/ops/int4.h"

namespace {

// The range of a block.
struct Range {
  float low, high;  // with 0 inside
  float largest;    // by magnitude
  i64 at;           // where the first of that magnitude stands
};

DEVICE Range join(Range a, Range b) {
  const bool first = fabsf(a.largest) > fabsf(b.largest) || (fabsf(a.largest) == fabsf(b.largest) && a.at <= b.at);
  return {fminf(a.low, b.low), fmaxf(a.high, b.high), first ? a.largest : b.largest, first ? a.at : b.at};
}

struct Grid4 {
  float scale;
  int zero;
};

template <class T>
struct Quantize {
  using Params = lophi::cuda::QuantizeParams;

  // What a block of n values from x on is rounded to; the same in all lanes.
  DEVICE static Grid4 choose(const T* x, i64 n, bool symmetric) {
    Range range{0, 0, 0, 0};
    for (i64 j = lane_id(); j < n; j += 32) {
      const float value = to_float(x[j]);
      range = join(range, {value, value, value, j});
    }
    for (int distance = 16; distance > 0; distance /= 2)
      range = join(
          range, {__shfl_xor_sync(kAllLanes, range.low, distance), __shfl_xor_sync(kAllLanes, range.high, distance),
                  __shfl_xor_sync(kAllLanes, range.largest, distance), __shfl_xor_sync(kAllLanes, range.at, distance)});
    if (symmetric) return {range.largest / -8, 8};
    const float scale = (range.high - range.low) / 15;
    return {scale, scale != 0 ? level(-range.low / scale) : 0};
  }

  DEVICE static int level(float value) { return static_cast<int>(fminf(fmaxf(rintf(value), 0.0f), 15.0f)); }

  // Element j of a block of n, which is padded with zeros.
  DEVICE static int level_at(const T* x, i64 j, i64 n, Grid4 grid) {
    const float q = j < n && grid.scale != 0 ? to_float(x[j]) / grid.scale : 0.0f;
    return level(q + static_cast<float>(grid.zero));
  }

  DEVICE static void run(const Params& p) {
    const i64 pairs = (p.blocks + 1) / 2, warps = blockDim.x / 32;
    for (i64 pair = blockIdx.x * warps + warp_id(); pair < p.rows * pairs; pair += gridDim.x * warps) {
      const i64 row = pair / pairs, first = pair % pairs * 2;
      int zeros = 0;
      for (i64 b = first; b < first + 2 && b < p.blocks; ++b) {
        const T* x = static_cast<const T*>(p.x) + row * p.columns + b * p.block;
        const i64 rest = p.columns - b * p.block, n = rest < p.block ? rest : p.block;
        const Grid4 grid = choose(x, n, p.symmetric);
        zeros |= grid.zero << (b - first) * 4;
        u8* to = p.b + (row * p.blocks + b) * (p.block / 2);
        for (i64 j = lane_id(); j < p.block / 2; j += 32)
          to[j] = static_cast<u8>(level_at(x, 2 * j, n, grid) | level_at(x, 2 * j + 1, n, grid) << 4);
        if (lane_id() == 0) store(static_cast<T*>(p.scales) + row * p.blocks + b, grid.scale);
      }
      if (lane_id() == 0) p.zeros[pair] = static_cast<u8>(zeros);
    }
  }
};

}  // namespace

// instances: Quantize<dtype>
