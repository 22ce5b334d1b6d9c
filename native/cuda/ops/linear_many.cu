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
  // Where the next tile of a strip lies.
  struct Cursor {
    const u8 *low, *high;
    DEVICE void begin(const WeightRows& w, i64 strip) {
      low = w.data[WeightRows::kLow] + strip * w.stride[WeightRows::kLow];
      if constexpr (Form::kHigh > 0) high = w.data[WeightRows::kHigh] + strip * w.stride[WeightRows::kHigh];
    }
  };
  DEVICE void load(Cursor& from) {
    this->low.load(from.low);
    from.low += 128 * Form::kLow;
    if constexpr (Form::kHigh > 0) {
      this->high.load(from.high);
      from.high += 128 * Form::kHigh;
    }
  }
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
  struct Cursor {
    const u8* at;
    DEVICE void begin(const WeightRows& w, i64 strip) {
      at = w.data[WeightRows::kLow] + strip * w.stride[WeightRows::kLow] + 16 * lane_id();
    }
  };
  DEVICE void load(Cursor& from) {
#pragma unroll
    for (int step = 0; step < 4; ++step) words[step] = ldg_stream(from.at + 512 * step);
    from.at += 2048;
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

  // A thread's copies of x: a piece of 16 bytes, eight a row, in rows 32 apart; all planes of a tile, then the next tile. Pieces are
  // turned so that eight rows of one lie in different banks.
  struct Copies {
    const u8* from;
    u8* to;
    i64 rows, plane, tile;  // bytes to rows 32 on, from plane to plane, from the last plane to the next tile
    int planes, at, left, stage;

    DEVICE Copies(const Params& p, u8* shared, i64 first_row) {
      const int row = static_cast<int>(threadIdx.x) / 8, piece = threadIdx.x % 8;
      from = reinterpret_cast<const u8*>(p.plane + (first_row + row) * p.k_padded + piece * 8);
      to = shared + row * kChunk * 2 + (piece ^ row % 8) * 16;
      rows = 64 * p.k_padded;
      plane = 2 * p.m_padded * p.k_padded;
      planes = p.planes;
      tile = kChunk * 2 - (planes - 1) * plane;
      left = static_cast<int>(p.k_padded / kChunk) * planes;
      at = stage = 0;
    }
    DEVICE void next() {
      if (left > 0) {
#pragma unroll
        for (int i = 0; i < kRows / 32; ++i) cp_async16(to + stage + i * 32 * kChunk * 2, from + i * rows);
        const bool last = ++at == planes;
        from += last ? tile : plane;
        at = last ? 0 : at;
        stage = following(stage);
        --left;
      }
      cp_async_commit();
    }
  };
  DEVICE static int following(int stage) { return stage == (kStages - 1) * kStageBytes ? 0 : stage + kStageBytes; }

  static constexpr int kSteps = Form::kGroup / 16, kGroups = 4 / kSteps;  // steps of a group, groups of a tile

  // The groups of a tile: the last one for columns that are not there.
  struct Groups {
    int group[kGroups];
    int next, left, pieces, last;
    DEVICE explicit Groups(const WeightRows& w) {
      pieces = static_cast<int>(w.group) / Form::kGroup;
      last = static_cast<int>((w.columns - 1) / w.group);
      next = 0;
      left = pieces;
    }
    DEVICE void advance() {
#pragma unroll
      for (int i = 0; i < kGroups; ++i) {
        group[i] = next;
        const bool over = --left == 0;
        left = over ? pieces : left;
        next += over && next < last ? 1 : 0;
      }
    }
  };

  // Of rows g and g + 8 in the groups of a tile.
  struct Scales {
    unsigned pair[kGroups];  // as they come: both, as float16
    float scale[kGroups][2], offset[kGroups][2];

    // `pairs`: of the strip's first group
    DEVICE void load(const WeightRows& w, const u8* pairs, i64 strip, const Groups& groups) {
      const int lane = lane_id(), g = lane / 4, t = lane % 4;
      if constexpr (Form::kHalfScales) {
#pragma unroll
        for (int i = 0; i < kGroups; ++i) pair[i] = ldg_stream32(pairs + static_cast<unsigned>(groups.group[i]) * 32);
      } else if constexpr (Form::kLevels) {
        // each lane finds what two or four of them need: row t % 2 of groups t / 2 and so on
#pragma unroll
        for (int first = 0; first < kGroups; first += 2) {
          const int group = t < 2 ? groups.group[first] : groups.group[first + 1];
          Affine made = affine_at(w, strip * kStripRows + g + 8 * (t % 2), group);
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

  // Adds what a group gives of two times 8 rows of x. `steps`, `offsets`: those of the group and the rows of x that the lane has
  // products of; null: none.
  DEVICE static void add_group(const Scales (&scales)[kStrips], int group, const float* steps, const float* offsets,
                               int pair, float (&part)[kStrips][2][4], Sums& sums) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int j = pair * 2 + i;
      uint2 two{};
      if constexpr (Form::kLevels) {
        if (steps) {
          two = load64(steps + j * 8);
          const float step[2] = {bits_to_float(two.x), bits_to_float(two.y)};
#pragma unroll
          for (int s = 0; s < kStrips; ++s)
#pragma unroll
            for (int c = 0; c < 4; ++c) part[s][i][c] *= step[c % 2];
        }
        if constexpr (!Form::kHalfScales)
          if (offsets) two = load64(offsets + j * 8);
      }
#pragma unroll
      for (int s = 0; s < kStrips; ++s)
#pragma unroll
        for (int c = 0; c < 4; ++c) {
          float& sum = sums[s][j][c];
          if constexpr (Form::kLevels)
            sum = fmaf(part[s][i][c], scales[s].of(group, c / 2), sum);
          else
            sum += part[s][i][c];
          if constexpr (Form::kLevels && !Form::kHalfScales)
            if (offsets) sum = fmaf(bits_to_float(c % 2 ? two.y : two.x), scales[s].offset[group][c / 2], sum);
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
    const int tiles = static_cast<int>(p.k_padded / kChunk), planes = p.planes;
    const unsigned bias = p.bias;

    Sums sums = {};
    Form weights[kStrips], next_weights[kStrips];
    typename Form::Cursor cursor[kStrips];
    Scales scales[kStrips], next_scales[kStrips];
    i64 strip[kStrips];
    const u8* pairs[kStrips];
    Groups groups(w);
#pragma unroll
    for (int s = 0; s < kStrips; ++s) {
      strip[s] = first_strip + s < p.strips ? first_strip + s : p.strips - 1;
      pairs[s] = w.data[WeightRows::kScales] + strip[s] * w.stride[WeightRows::kScales] + g * 4;
      cursor[s].begin(w, strip[s]);
      next_weights[s].load(cursor[s]);
    }
    wait_for_earlier_kernels();
    let_next_kernel_begin();
    groups.advance();
#pragma unroll
    for (int s = 0; s < kStrips; ++s) next_scales[s].load(w, pairs[s], strip[s], groups);
    Copies copies(p, shared, first_row);
    for (int stage = 0; stage < kStages - 1; ++stage) copies.next();

    const i64 column = first_row + warp_row + t * 2;  // the first row of x that the lane has products of
    const float* steps = p.steps ? p.steps + column : nullptr;
    const float* offsets = p.sums ? p.sums + column : nullptr;
    // where the lane's row of a pair of tiles lies, and its first piece there
    const int operands = (warp_row + lane / 16 * 8 + lane % 8) * kChunk * 2, turned = (lane / 8 % 2 ^ lane % 8) * 16;
    int at = 0;
    for (int tile = 0; tile < tiles; ++tile) {
#pragma unroll
      for (int s = 0; s < kStrips; ++s) {
        weights[s] = next_weights[s];
        scales[s] = next_scales[s];
      }
      if (tile + 1 < tiles) {
        groups.advance();
#pragma unroll
        for (int s = 0; s < kStrips; ++s) {
          next_weights[s].load(cursor[s]);
          next_scales[s].load(w, pairs[s], strip[s], groups);
        }
      }
#pragma unroll 1
      for (int plane = 0; plane < planes; ++plane) {
        cp_async_wait<kStages - 2>();
        __syncthreads();  // behind it all have read what comes next is copied over
        copies.next();
        const u8* stage = shared + at + operands;
        at = following(at);
#pragma unroll
        for (int group = 0; group < kGroups; ++group) {
          unsigned a[kSteps][kStrips][4];
#pragma unroll
          for (int step = 0; step < kSteps; ++step)
#pragma unroll
            for (int s = 0; s < kStrips; ++s) weights[s].operands(group * kSteps + step, bias, a[step][s]);
          const float* group_steps = steps ? steps + group * 2 / kGroups * p.m_padded : nullptr;
          const float* group_offsets = offsets && plane == 0 ? offsets + group * p.m_padded : nullptr;
#pragma unroll
          for (int pair = 0; pair < kTiles / 2; ++pair) {
            float part[kStrips][2][4] = {};
#pragma unroll
            for (int step = 0; step < kSteps; ++step) {
              const int piece = turned ^ (group * kSteps + step) * 32;
              const uint4 four = ldmatrix4(stage + piece + pair * 16 * kChunk * 2);
              const unsigned b[2][2] = {{four.x, four.y}, {four.z, four.w}};
#pragma unroll
              for (int s = 0; s < kStrips; ++s)
#pragma unroll
                for (int i = 0; i < 2; ++i) {
                  if constexpr (Form::kBfloat)
                    mma16816_bf16(part[s][i], a[step][s], b[i]);
                  else
                    mma16816(part[s][i], a[step][s], b[i]);
                }
            }
            // tensor cores cut off what they add to; few of their sums are added up here, which rounds
            add_group(scales, group, group_steps, group_offsets, pair, part, sums);
          }
        }
      }
      if (steps) steps += 2 * p.m_padded;
      if (offsets) offsets += kGroups * p.m_padded;
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
// instances: LinearMany<WeightForm = Q4 F16, tile = Large Small>
// instances: LinearMany<WeightForm = Q8 Bf16 Q4Any Iq4Any Q5Any Q8Any, tile = Medium Small>
// instances: LinearMany<WeightForm = Q4Fine Q6Fine Q2Fine Q3Fine, tile = Small>
