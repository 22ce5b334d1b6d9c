// y = x · wᵀ + bias + residual for few rows of x and levels in tile order: as fast as w is read, whether for 1 row or for 16.
//
// x becomes bytes: int8 activations as they are, 32 values to a step; exact ones as three digits of base 254, each of them a column
// of the product. Products of bytes are summed as integers, exactly, 32 columns of w at a time; scales come in behind, in float32.
// A warp takes units of 128 columns of w for strips of 16 rows. The warps of a block share the columns of x, and their sums meet in
// shared memory in an order that never changes.
#include "cuda/weights.cuh"

namespace {

using lophi::cuda::LinearFewParams;

constexpr int kUnitColumns = 128, kBlockColumns = 32, kBlocks = kUnitColumns / kBlockColumns;
// The bits of 1.5 · 2^23. A sum of bytes added to them makes the float of that much more.
constexpr int kMagicBits = 0x4b400000;
constexpr float kMagic = 12582912.0f;

// Bits of both planes. `half_scales`: a float16 scale for every 32 columns or a multiple, and nothing else; `fine`: groups of 16;
// `codes`: places in the codebook.
template <int low, int high, bool half_scales, bool fine = false, bool codes = false>
struct Levels {
  static constexpr int kLow = low, kHigh = high, kParts = fine ? 2 : 1;
  static constexpr bool kHalfScales = half_scales, kCodes = codes;
};
struct Q4 : Levels<4, 0, true> {};

// Columns of x times digits, in tiles of eight; `single`: there is but one.
template <int tiles, bool single = false>
struct Columns {
  static constexpr int kTiles = tiles;
  static constexpr bool kSingle = single;
};
struct One : Columns<1, true> {};
struct Eight : Columns<1> {};
struct Sixteen : Columns<2> {};

// Strips of a warp, warps of a block, units that a warp has under way.
template <int strips, int warps, int stages>
struct Shape {
  static constexpr int kStrips = strips, kWarps = warps, kStages = stages;
};
struct A : Shape<1, 8, 3> {};

// The words of a lane for a unit in a plane.
template <int bits>
struct Plane {
  unsigned words[2 * bits];

  DEVICE void load(const u8* strip, i64 unit, int lane) {
    const u8* tiles = strip + unit * 256 * bits;
    if constexpr (bits == 1) {
      for (int i = 0; i < 2; ++i) words[i] = ldg_stream32(tiles + 4 * (32 * i + lane));
    } else if constexpr (bits == 2) {
      for (int i = 0; i < 2; ++i) {
        const uint2 v = ldg_stream64(tiles + 8 * (32 * i + lane));
        words[2 * i] = v.x;
        words[2 * i + 1] = v.y;
      }
    } else {
      for (int i = 0; i < bits / 2; ++i) {
        const uint4 v = ldg_stream(tiles + 16 * (32 * i + lane));
        words[4 * i] = v.x;
        words[4 * i + 1] = v.y;
        words[4 * i + 2] = v.z;
        words[4 * i + 3] = v.w;
      }
    }
  }

  // Register j of a block, a level in each byte.
  DEVICE unsigned levels(int block, int j) const {
    constexpr unsigned kMask = 0xffu >> (8 - bits) & 0xff, kFields = 8 / bits;
    const int at = block * 4 + j;
    return words[at / kFields] >> at % kFields * bits & kMask * 0x01010101;
  }
};
template <>
struct Plane<0> {
  DEVICE void load(const u8*, i64, int) {}
  DEVICE unsigned levels(int, int) const { return 0; }
};

// The codebook's values + 128 for four nibbles.
DEVICE unsigned coded(unsigned nibbles) {
  const unsigned in_half = nibbles & 0x7777;
  const unsigned low = prmt(0x3f2d1801, 0x766a5d4f, in_half), high = prmt(0xa6998d81, 0xf1d9c5b5, in_half);
  return prmt(low, high, 0x3210 | (nibbles & 0x8888) >> 1);
}

// Rows g and g + 8 of a group.
struct Scales {
  float scale[2], offset[2];
};

// Weights of a strip and a unit, as they come from memory.
template <class Form>
struct Loaded {
  Plane<Form::kLow> low;
  Plane<Form::kHigh> high;
  unsigned scales;  // of group t, rows g and g + 8, where there is nothing but float16

  DEVICE void load(const WeightRows& w, i64 strip, i64 unit) {
    const int lane = lane_id();
    low.load(w.data[WeightRows::kLow] + strip * w.stride[WeightRows::kLow], unit, lane);
    if constexpr (Form::kHigh > 0)
      high.load(w.data[WeightRows::kHigh] + strip * w.stride[WeightRows::kHigh], unit, lane);
    if constexpr (Form::kHalfScales) {
      const u8* at = w.data[WeightRows::kScales] + strip * w.stride[WeightRows::kScales];
      scales = ldg_stream32(at + (group_of(w, unit, lane % 4) * 8 + lane / 4) * 4);
    }
  }

  // The group of a block, or, of fine groups, of half a block: the last one for columns that are not there.
  DEVICE static i64 group_of(const WeightRows& w, i64 unit, int block, int part = 0) {
    const i64 first = unit * kUnitColumns + block * kBlockColumns + part * 16;
    return (first < w.columns ? first : w.columns - 1) / w.group;
  }

  DEVICE void operands(int block, unsigned (&a)[4]) const {
    if constexpr (Form::kCodes) {
      for (int h = 0; h < 2; ++h) {
        const unsigned word = low.words[block * 2 + h], first = coded(word & 0xffff), last = coded(word >> 16);
        a[2 * h] = prmt(first, last, 0x6420);
        a[2 * h + 1] = prmt(first, last, 0x7531);
      }
    } else {
      for (int j = 0; j < 4; ++j) a[j] = low.levels(block, j) | high.levels(block, j) << Form::kLow;
    }
  }
};

// What is known of 32 values of a column of x: their step, and for each part of them the bits that a sum of products begins with, and
// step times the sum of the bytes.
template <class Form>
struct Known {
  float step;
  int begin[Form::kParts];
  float sum[Form::kParts];
};

template <class Form, class Columns, class Shape>
struct LinearFew {
  using Params = LinearFewParams;
  static constexpr bool kBegins = true;
  static constexpr int kTiles = Columns::kTiles, kStrips = Shape::kStrips, kWarps = Shape::kWarps,
                       kStages = Shape::kStages;
  static constexpr int kSums = Columns::kSingle ? 2 : 4;                   // of a lane, a strip and a tile
  static constexpr int kKnown = Columns::kSingle ? 1 : 8 * kTiles;         // for each block
  static constexpr int kReduced = kWarps * kStrips * kTiles * kSums * 32;  // floats
  using Block = Known<Form>;

  // Where things lie in shared memory.
  struct Shared {
    float* sums;  // [warp][strip][tile][sum][lane]
    Block* known;
    u8* bytes;
    int column_bytes;  // from column to column
  };

  // Bytes of values [first, first + 4) of a row and what is known of them, for all blocks of units [from, from + units).
  DEVICE static void prepare(const Params& p, const Shared& s, i64 from, i64 units) {
    const WeightRows& w = p.linear.w;
    const int q = lane_id() % 8;
    const i64 blocks = units * kBlocks, tasks = p.linear.m * blocks;
    for (i64 first = threadIdx.x / 32 * 4; first < tasks; first += kWarps * 4) {
      const i64 task = first + lane_id() / 8;
      const bool there = task < tasks;
      const i64 row = there ? task / blocks : 0, block = there ? task % blocks : 0;
      const i64 k = (from * kBlocks + block) * kBlockColumns + q * 4;
      float value[4];
      float most = 0;
      bool finite = true;
      for (int i = 0; i < 4; ++i) {
        value[i] = there && k + i < w.columns
                       ? load(p.linear.x, p.dtype, row * w.columns + (w.order ? w.order[k + i] : k + i))
                       : 0.0f;
        finite = finite && fabsf(value[i]) <= 3.402823466e38f;
        most = fmaxf(most, fabsf(value[i]));
      }
      if (!finite) most = bits_to_float(0x7f800000);
      for (int distance = 1; distance < 8; distance *= 2)
        most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, distance));
      finite = most <= 3.402823466e38f;
      float step = most / 127.0f;
      for (int digit = 0; digit < p.digits; ++digit) {
        unsigned word = 0;
        int sum = 0;
        for (int i = 0; i < 4; ++i) {
          const float level = finite && step > 0 ? fmaxf(-127.0f, fminf(127.0f, rintf(value[i] / step))) : 0.0f;
          value[i] = fmaf(-level, step, value[i]);
          sum += static_cast<int>(level);
          word |= static_cast<unsigned>(static_cast<int>(level) & 0xff) << 8 * i;
        }
        // words of a lane of the product side by side: t, t + 4
        const int column = static_cast<int>(row) * p.digits + digit;
        if (there)
          *reinterpret_cast<unsigned*>(s.bytes + column * s.column_bytes + block * kBlockColumns +
                                       (q % 4 * 2 + q / 4) * 4) = word;
        for (int distance = 1; distance < 4; distance *= 2) sum += __shfl_xor_sync(kAllLanes, sum, distance);
        const int other = __shfl_xor_sync(kAllLanes, sum, 4);
        if (there && q == 0) {
          Block& known = s.known[block * kKnown + column];
          known.step = finite ? step : bits_to_float(0x7fc00000);
          for (int part = 0; part < Form::kParts; ++part) {
            const int total = Form::kParts == 1 ? sum + other : part == 0 ? sum : other;
            known.begin[part] = kMagicBits - p.zero * total;
            known.sum[part] = known.step * static_cast<float>(total);
          }
        }
        step /= 254.0f;
      }
    }
  }

  using Sums = float[kStrips][kTiles][kSums];

  DEVICE static void consume(const Params& p, const Shared& s, const Loaded<Form> (&loaded)[kStrips], i64 strip,
                             i64 unit, i64 from, Sums& sums) {
    const WeightRows& w = p.linear.w;
    const int lane = lane_id(), g = lane / 4, t = lane % 4;
    Scales mine[kStrips][Form::kParts];  // of block t
    if constexpr (!Form::kHalfScales) {
      for (int r = 0; r < kStrips; ++r)
        for (int part = 0; part < Form::kParts; ++part)
          for (int i = 0; i < 2; ++i) {
            const i64 row = (strip + r) * kStripRows + g + 8 * i;
            const Affine made = row < p.strips * kStripRows
                                    ? affine_at(w, row, Loaded<Form>::group_of(w, unit, t, part))
                                    : Affine{0, 0};
            const bool zeros = w.shift == WeightRows::kZeros || w.shift == WeightRows::kFloatZeros;
            mine[r][part].scale[i] = made.scale;
            mine[r][part].offset[i] = zeros ? -made.offset * made.scale : made.offset;
          }
    }
#pragma unroll
    for (int block = 0; block < kBlocks; ++block) {
      const i64 at = (unit - from) * kBlocks + block;
      unsigned b[kTiles][2];
      Block known[kTiles][Columns::kSingle ? 1 : 2];
      for (int tile = 0; tile < kTiles; ++tile) {
        const int column = tile * 8 + g, there = column < p.columns ? column : p.columns - 1;
        const uint2 words =
            *reinterpret_cast<const uint2*>(s.bytes + there * s.column_bytes + at * kBlockColumns + t * 8);
        b[tile][0] = words.x;
        b[tile][1] = words.y;
        for (int i = 0; i < (Columns::kSingle ? 1 : 2); ++i)
          known[tile][i] = s.known[at * kKnown + (Columns::kSingle ? 0 : tile * 8 + t * 2 + i)];
      }
      for (int r = 0; r < kStrips; ++r) {
        unsigned a[4];
        loaded[r].operands(block, a);
        Scales scales[Form::kParts];
        if constexpr (Form::kHalfScales) {
          const unsigned pair = __shfl_sync(kAllLanes, loaded[r].scales, (lane & 28) | block);
          scales[0].scale[0] = half_to_float(static_cast<u16>(pair));
          scales[0].scale[1] = half_to_float(static_cast<u16>(pair >> 16));
        } else {
          for (int part = 0; part < Form::kParts; ++part)
            for (int i = 0; i < 2; ++i) {
              scales[part].scale[i] = __shfl_sync(kAllLanes, mine[r][part].scale[i], (lane & 28) | block);
              scales[part].offset[i] = __shfl_sync(kAllLanes, mine[r][part].offset[i], (lane & 28) | block);
            }
        }
        for (int tile = 0; tile < kTiles; ++tile)
          for (int part = 0; part < Form::kParts; ++part) {
            const Block &left = known[tile][0], &right = known[tile][Columns::kSingle ? 0 : 1];
            int c[4] = {left.begin[part], right.begin[part], left.begin[part], right.begin[part]};
            if constexpr (Form::kParts == 1) {
              mma16832(c, a, b[tile]);
            } else {
              const unsigned half[2] = {a[2 * part], a[2 * part + 1]};
              mma16816_int8(c, half, b[tile][part]);
            }
            for (int i = 0; i < kSums; ++i) {
              const int row = Columns::kSingle ? i : i / 2;
              const Block& column = Columns::kSingle || i % 2 == 0 ? left : right;
              const int sum = c[Columns::kSingle ? 2 * i : i];
              float& to = sums[r][tile][i];
              to =
                  fmaf((bits_to_float(static_cast<unsigned>(sum)) - kMagic) * column.step, scales[part].scale[row], to);
              if constexpr (!Form::kHalfScales) {
                to = fmaf(scales[part].offset[row], column.sum[part], to);
              }
            }
          }
      }
    }
  }

  DEVICE static void finish(const Params& p, const Shared& s, i64 strip, Sums& sums) {
    const auto& linear = p.linear;
    const WeightRows& w = linear.w;
    float* mine = s.sums + warp_id() * (kReduced / kWarps) + lane_id();
    for (int r = 0; r < kStrips; ++r)
      for (int tile = 0; tile < kTiles; ++tile)
        for (int i = 0; i < kSums; ++i) {
          mine[((r * kTiles + tile) * kSums + i) * 32] = sums[r][tile][i];
          sums[r][tile][i] = 0;
        }
    __syncthreads();
    const int rows = static_cast<int>(linear.m);
    for (int at = static_cast<int>(threadIdx.x); at < rows * kStrips * kStripRows; at += kWarps * 32) {
      const int in = at % kStripRows, r = at / kStripRows % kStrips, m = at / (kStripRows * kStrips);
      const i64 n = (strip + r) * kStripRows + in;
      if (n >= w.count) continue;
      float sum = 0;
      for (int digit = p.digits - 1; digit >= 0; --digit) {
        const int column = m * p.digits + digit, tile = column / 8;
        const int i = Columns::kSingle ? in / 8 : in / 8 * 2 + column % 2, lane = in % 8 * 4 + column % 8 / 2;
        for (int warp = 0; warp < kWarps; ++warp)
          sum += s.sums[(((warp * kStrips + r) * kTiles + tile) * kSums + i) * 32 + lane];
      }
      const i64 to = m * linear.n + w.first + n;
      if (linear.bias) sum += linear.bias[w.first + n];
      if (linear.residual) sum += load(linear.residual, p.dtype, to);
      store_as(linear.y, p.dtype, to, sum);
    }
    __syncthreads();
  }

  DEVICE static void run(const Params& p) {
    const WeightRows& w = p.linear.w;
    DYNAMIC_SHARED(float, memory);
    Shared s;
    s.sums = memory;
    s.known = reinterpret_cast<Block*>(memory + kReduced);
    s.column_bytes = static_cast<int>(p.phase) * kUnitColumns + 32;  // so that no two columns of a tile meet in a bank
    s.bytes = reinterpret_cast<u8*>(s.known + (p.phase * kBlocks * kKnown + 3) / 4 * 4);

    const i64 units = (w.columns + kUnitColumns - 1) / kUnitColumns, each = (units + kWarps - 1) / kWarps;
    const i64 sets = (p.strips + kStrips - 1) / kStrips, per_phase = p.phase / kWarps;
    // what this warp takes: units of a set of strips, then those of the next set of the block
    struct Place {
      i64 set, unit;
    };
    const auto next = [&](Place& place) {
      place.unit += kWarps;
      if (place.unit < each * kWarps) return;
      place = {place.set + gridDim.x, warp_id()};
    };
    Loaded<Form> ring[kStages][kStrips];
    Place ahead{blockIdx.x, warp_id()}, now = ahead;
    const auto issue = [&](Loaded<Form>(&to)[kStrips]) {
      for (int r = 0; r < kStrips; ++r)
        if (ahead.set < sets && ahead.unit < units && ahead.set * kStrips + r < p.strips)
          to[r].load(w, ahead.set * kStrips + r, ahead.unit);
      next(ahead);
    };
#pragma unroll
    for (int stage = 0; stage < kStages; ++stage) issue(ring[stage]);
    wait_for_earlier_kernels();
    let_next_kernel_begin();

    Sums sums = {};
    i64 turn = 0, from = 0;
    const bool once = each <= per_phase;
    bool first = true;
    while (now.set < sets) {
#pragma unroll
      for (int stage = 0; stage < kStages; ++stage) {
        if (now.set >= sets) break;
        if (turn % per_phase == 0 && (first || !once)) {
          from = turn * kWarps;
          __syncthreads();
          prepare(p, s, from, units - from < p.phase ? units - from : p.phase);
          __syncthreads();
          first = false;
        }
        if (now.unit < units) consume(p, s, ring[stage], now.set * kStrips, now.unit, from, sums);
        issue(ring[stage]);
        if (++turn == each) {
          finish(p, s, now.set * kStrips, sums);
          turn = 0;
        }
        next(now);
      }
    }
  }
};

}  // namespace

// instances: LinearFew<form = Q4, columns = One Eight Sixteen, shape = A>
