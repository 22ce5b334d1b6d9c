// y = x · wᵀ + bias + residual for many rows of x: blocks of rows of w by rows of x, as products of a warp of 16-bit floats.
//
// LinearPrepare splits x into planes of 16-bit floats whose sum is x, times a power of two per row: one for float16, which is exact as it
// is, two for float32 (22 bits), three where w is bfloat16; int8
// activations are one plane and a step for every 32 columns. LinearMany takes tiles of 64 columns of w straight from memory to registers,
// levels less their zero point as exact floats, and the planes through shared memory; each plane is like as many columns more. Sums of
// a group are scaled in float32.
#include "cuda/levels.cuh"

namespace {

using lophi::cuda::LinearManyParams;
using lophi::cuda::LinearPrepareParams;

constexpr int kChunk = 64;  // columns of a tile

// ---- x as planes

// Where column k of 16 stands, so that the four columns of a byte register (weights.cuh) are two registers of two.
DEVICE int place_of_levels(int k) { return (k % 4 / 2) * 8 + k / 4 * 2 + k % 2; }

DEVICE u16 plane_of(float value, bool bfloat, float& rest) {
  if (bfloat) {
    Bfloat bits;
    store(&bits, value);
    rest = value - to_float(bits);
    return bits.bits;
  }
  const u16 bits = float_to_half(value);
  rest = value - half_to_float(bits);
  return bits;
}

// A block per row, rows that are only there to fill a tile included; a warp takes 32 columns at a time.
template <class T>
struct LinearPrepare {
  using Params = LinearPrepareParams;
  DEVICE static float value_at(const Params& p, i64 row, i64 k) {
    return row < p.m && k < p.k ? to_float(static_cast<const T*>(p.x)[row * p.k + (p.order ? p.order[k] : k)]) : 0.0f;
  }
  DEVICE static void run(const Params& p) {
    SHARED(float, most, 32);
    const i64 row = blockIdx.x, warps = blockDim.x / 32;
    float largest = 0;
    if (p.planes > 1 && !p.bfloat)
      for (i64 k = threadIdx.x; row < p.m && k < p.k; k += blockDim.x)
        largest = fmaxf(largest, fabsf(to_float(static_cast<const T*>(p.x)[row * p.k + k])));
    largest = warp_max(largest);
    if (lane_id() == 0) most[warp_id()] = largest;
    __syncthreads();
    largest = warp_max(lane_id() < warps ? most[lane_id()] : 0.0f);
    // 2^(14 - e) for a largest value of 2^e or more: products with levels and sums of a group stay far from float16's end and float32's
    const int exponent = static_cast<int>(float_to_bits(largest) >> 23);
    const bool plain = exponent == 0 || exponent == 255;
    const int shift = plain ? 0 : exponent > 253 ? -126 : 141 - exponent > 126 ? 126 : 141 - exponent;
    const float scale = bits_to_float(static_cast<unsigned>(shift + 127) << 23);
    if (threadIdx.x == 0) p.scales[row] = bits_to_float(static_cast<unsigned>(127 - shift) << 23);

    for (i64 first = warp_id() * 32; first < p.k_padded; first += warps * 32) {
      float value = value_at(p, row, first + lane_id()) * scale, step = 1;
      if (p.steps) {
        step = warp_max(fabsf(value)) / 127.0f;
        value = step > 0 ? rintf(value / step) : 0.0f;
        if (lane_id() == 0) p.steps[first / 32 * p.m_padded + row] = step;
      }
      if (p.group) {
        float sum = value * step;
        for (int distance = 1; distance < p.group; distance *= 2) sum += __shfl_xor_sync(kAllLanes, sum, distance);
        if (lane_id() % p.group == 0) p.sums[(first + lane_id()) / p.group * p.m_padded + row] = sum;
      }
      const i64 to = first + (p.levels ? lane_id() / 16 * 16 + place_of_levels(lane_id() % 16) : lane_id());
      for (int plane = 0; plane < p.planes; ++plane) {
        float rest;
        p.plane[(plane * p.m_padded + row) * p.k_padded + to] = plane_of(value, p.bfloat, rest);
        value = rest;
      }
    }
  }
};

// ---- w as operands

// A tile of levels.
template <class Form>
struct TileWeights : LevelTiles<Form, 1> {
  static constexpr bool kLevels = true, kBfloat = false, kHalfScales = Form::kHalfScales;
  static constexpr int kGroup = 32 / Form::kParts;
  // Step `step` of four: 16 columns. `bias`: 1024 + zero point, twice.
  DEVICE void operands(int step, unsigned bias, unsigned (&a)[4]) const {
    unsigned bytes[2];
    this->bytes(step, bytes);
    for (int i = 0; i < 2; ++i) {
      a[i] = half2_sub(prmt(bytes[i], 0x64646464, 0x4140), bias);
      a[2 + i] = half2_sub(prmt(bytes[i], 0x64646464, 0x4342), bias);
    }
  }
};

// Floats of 16 bits.
template <bool bfloat>
struct TileFloats {
  static constexpr bool kLevels = false, kBfloat = bfloat, kHalfScales = false;
  static constexpr int kGroup = 64;
  uint4 words[4];
  DEVICE void load(const WeightRows& w, i64 strip, i64 tile) {
    const u8* at = w.data[WeightRows::kLow] + strip * w.stride[WeightRows::kLow] + tile * 2048;
    for (int step = 0; step < 4; ++step) words[step] = ldg_stream(at + 16 * (32 * step + lane_id()));
  }
  DEVICE void operands(int step, unsigned, unsigned (&a)[4]) const {
    a[0] = words[step].x;
    a[1] = words[step].y;
    a[2] = words[step].z;
    a[3] = words[step].w;
  }
};

struct F16 {};
struct Bf16 {};
template <>
struct TileWeights<F16> : TileFloats<false> {};
template <>
struct TileWeights<Bf16> : TileFloats<true> {};

// A warp takes `strips` strips of w by 8 · `tiles` rows of x; the eight warps of a block stand four by two.
template <int strips, int tiles>
struct WarpTile {
  static constexpr int kStrips = strips, kTiles = tiles;
};
struct Large : WarpTile<2, 8> {};
struct Medium : WarpTile<2, 4> {};
struct Small : WarpTile<1, 4> {};

template <class Kind, class Tile>
struct LinearMany {
  using Params = LinearManyParams;
  using Form = TileWeights<Kind>;
  static constexpr int kStrips = Tile::kStrips, kTiles = Tile::kTiles, kStages = 3;
  static constexpr int kRows = 2 * 8 * kTiles, kStageBytes = kRows * kChunk * 2;
  static constexpr int kThreads = 256;
  static constexpr bool kBegins = true;

  // Columns of tile `tile` of one plane, of the block's rows of x: eight pieces of 16 bytes a row, turned so that eight rows of one
  // piece lie in different banks.
  DEVICE static void fetch(const Params& p, u8* stage, int plane, int tile, i64 first_row) {
    for (int i = static_cast<int>(threadIdx.x); i < kRows * 8; i += kThreads) {
      const int row = i / 8, piece = i % 8;
      cp_async16(stage + row * kChunk * 2 + (piece ^ row % 8) * 16,
                 p.plane + (plane * p.m_padded + first_row + row) * p.k_padded + tile * kChunk + piece * 8);
    }
    cp_async_commit();
  }

  static constexpr int kSteps = Form::kGroup / 16, kGroups = 4 / kSteps;  // steps of a group, groups of a tile

  // Of rows g and g + 8 in the groups of a tile.
  struct Scales {
    unsigned pair[kGroups];  // as they come: both, as float16
    float scale[kGroups][2], offset[kGroups][2];

    DEVICE void load(const WeightRows& w, i64 strip, int tile) {
      const int lane = lane_id(), g = lane / 4, t = lane % 4;
      const int last = static_cast<int>(w.columns) - 1, size = static_cast<int>(w.group);
      const auto group_of = [&](int i) {
        const int first = tile * kChunk + i * Form::kGroup;
        return (first < last ? first : last) / size;
      };
      if constexpr (Form::kHalfScales) {
        const u8* at = w.data[WeightRows::kScales] + strip * w.stride[WeightRows::kScales];
        for (int i = 0; i < kGroups; ++i) pair[i] = ldg_stream32(at + (group_of(i) * 8 + g) * 4);
      } else if constexpr (Form::kLevels) {
        // each lane finds what two or four of them need: row t % 2 of groups t / 2 and so on
        for (int first = 0; first < kGroups; first += 2) {
          Affine made = affine_at(w, strip * kStripRows + g + 8 * (t % 2), group_of(first + t / 2));
          if (w.shift == WeightRows::kZeros || w.shift == WeightRows::kFloatZeros) made.offset *= -made.scale;
          for (int i = 0; i < 4; ++i) {
            scale[first + i / 2][i % 2] = __shfl_sync(kAllLanes, made.scale, (lane & 28) + i);
            offset[first + i / 2][i % 2] = __shfl_sync(kAllLanes, made.offset, (lane & 28) + i);
          }
        }
      }
    }
    DEVICE float of(int group, int row) const {
      if constexpr (Form::kHalfScales) return half_to_float(static_cast<u16>(pair[group] >> 16 * row));
      return scale[group][row];
    }
  };

  using Sums = float[kStrips][kTiles][4];

  // `column`: the first row of x that the lane has products of.
  DEVICE static void add_group(const Params& p, const Scales (&scales)[kStrips], int group, int tile, int plane,
                               i64 column, Sums& part, Sums& sums) {
    if constexpr (!Form::kLevels) {
#pragma unroll
      for (int s = 0; s < kStrips; ++s)
#pragma unroll
        for (int j = 0; j < kTiles; ++j)
#pragma unroll
          for (int i = 0; i < 4; ++i) sums[s][j][i] += part[s][j][i];
    } else {
      if (p.steps) {
        const float* of = p.steps + (tile * 2 + group * 2 / kGroups) * p.m_padded + column;
#pragma unroll
        for (int j = 0; j < kTiles; ++j) {
          const float step[2] = {of[j * 8], of[j * 8 + 1]};
#pragma unroll
          for (int s = 0; s < kStrips; ++s)
#pragma unroll
            for (int i = 0; i < 4; ++i) part[s][j][i] *= step[i % 2];
        }
      }
#pragma unroll
      for (int s = 0; s < kStrips; ++s) {
        const float scale[2] = {scales[s].of(group, 0), scales[s].of(group, 1)};
#pragma unroll
        for (int j = 0; j < kTiles; ++j)
#pragma unroll
          for (int i = 0; i < 4; ++i) sums[s][j][i] = fmaf(part[s][j][i], scale[i / 2], sums[s][j][i]);
      }
      if constexpr (!Form::kHalfScales) {
        if (!p.sums || plane > 0) return;
        const float* of = p.sums + (tile * kGroups + group) * p.m_padded + column;
#pragma unroll
        for (int j = 0; j < kTiles; ++j) {
          const float sum[2] = {of[j * 8], of[j * 8 + 1]};
#pragma unroll
          for (int s = 0; s < kStrips; ++s)
#pragma unroll
            for (int i = 0; i < 4; ++i) sums[s][j][i] = fmaf(sum[i % 2], scales[s].offset[group][i / 2], sums[s][j][i]);
        }
      }
    }
  }

  DEVICE static void run(const Params& p) {
    SHARED(uint4, ring, kStages * kStageBytes / 16);
    u8* const shared = reinterpret_cast<u8*>(ring);
    const auto& linear = p.linear;
    const WeightRows& w = linear.w;
    const int lane = lane_id(), g = lane / 4, t = lane % 4;
    const i64 first_row = static_cast<i64>(blockIdx.x) * kRows;
    const i64 first_strip = static_cast<i64>(blockIdx.y) * 4 * kStrips + warp_id() % 4 * kStrips;
    const int warp_row = warp_id() / 4 * 8 * kTiles;
    const int tiles = static_cast<int>(p.k_padded / kChunk), chunks = tiles * p.planes;
    const unsigned bias = p.bias;

    Sums sums = {};
    Form weights[kStrips], next_weights[kStrips];
    Scales scales[kStrips], next_scales[kStrips];
    const auto strip_of = [&](int s) { return first_strip + s < p.strips ? first_strip + s : p.strips - 1; };
    for (int s = 0; s < kStrips; ++s) {
      next_weights[s].load(w, strip_of(s), 0);
    }
    wait_for_earlier_kernels();
    let_next_kernel_begin();
    for (int s = 0; s < kStrips; ++s) next_scales[s].load(w, strip_of(s), 0);
    for (int stage = 0; stage < kStages - 1; ++stage) {
      if (stage < chunks) {
        fetch(p, shared + stage * kStageBytes, stage % p.planes, stage / p.planes, first_row);
      } else {
        cp_async_commit();
      }
    }
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const int tile = chunk / p.planes, plane = chunk % p.planes;
      if (plane == 0) {
#pragma unroll
        for (int s = 0; s < kStrips; ++s) {
          weights[s] = next_weights[s];
          scales[s] = next_scales[s];
          if (tile + 1 == tiles) continue;
          next_weights[s].load(w, strip_of(s), tile + 1);
          next_scales[s].load(w, strip_of(s), tile + 1);
        }
      }
      cp_async_wait<kStages - 2>();
      __syncthreads();
      if (const int next = chunk + kStages - 1; next < chunks) {
        fetch(p, shared + next % kStages * kStageBytes, next % p.planes, next / p.planes, first_row);
      } else {
        cp_async_commit();
      }
      const u8* stage = shared + chunk % kStages * kStageBytes;
      Sums part;
#pragma unroll
      for (int step = 0; step < 4; ++step) {
        unsigned a[kStrips][4];
#pragma unroll
        for (int s = 0; s < kStrips; ++s) weights[s].operands(step, bias, a[s]);
#pragma unroll
        for (int pair = 0; pair < kTiles / 2; ++pair) {
          const int row = warp_row + pair * 16 + lane / 16 * 8 + lane % 8, piece = step * 2 + lane / 8 % 2;
          const uint4 four = ldmatrix4(stage + row * kChunk * 2 + (piece ^ row % 8) * 16);
          const unsigned b[2][2] = {{four.x, four.y}, {four.z, four.w}};
#pragma unroll
          for (int s = 0; s < kStrips; ++s)
#pragma unroll
            for (int i = 0; i < 2; ++i) {
              float (&c)[4] = part[s][pair * 2 + i];
              if (step % kSteps == 0) c[0] = c[1] = c[2] = c[3] = 0;
              if constexpr (Form::kBfloat)
                mma16816_bf16(c, a[s], b[i]);
              else
                mma16816(c, a[s], b[i]);
            }
        }
        // tensor cores cut off what they add to; few of their sums are added up here, which rounds
        if (step % kSteps == kSteps - 1)
          add_group(p, scales, step / kSteps, tile, plane, first_row + warp_row + t * 2, part, sums);
      }
      __syncthreads();
    }
#pragma unroll
    for (int s = 0; s < kStrips; ++s)
#pragma unroll
      for (int j = 0; j < kTiles; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const i64 row = first_row + warp_row + j * 8 + t * 2 + i % 2,
                    n = (first_strip + s) * kStripRows + g + 8 * (i / 2);
          if (row >= linear.m || n >= w.count) continue;
          float sum = sums[s][j][i] * p.scales[row];
          const i64 to = row * linear.n + w.first + n;
          if (linear.bias) sum += linear.bias[w.first + n];
          if (linear.residual) sum += load(linear.residual, p.dtype, to);
          store_as(linear.y, p.dtype, to, sum);
        }
  }
};

}  // namespace

// instances: LinearPrepare<dtype>
// instances: LinearMany<WeightForm = Q4 F16 Bf16, tile = Large Small>
// instances: LinearMany<WeightForm = Q8 Q4Any Iq4Any Q5Any Q8Any, tile = Medium Small>
// instances: LinearMany<WeightForm = Q4Fine Q6Fine Q2Fine Q3Fine, tile = Small>
