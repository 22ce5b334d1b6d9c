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
struct Q5 : Levels<4, 1, true> {};
struct Q8 : Levels<8, 0, true> {};
struct Iq4 : Levels<4, 0, true, false, true> {};
// What the groups have is decoded as it is met.
struct Q4Any : Levels<4, 0, false> {};
struct Q5Any : Levels<4, 1, false> {};
struct Q8Any : Levels<8, 0, false> {};
struct Iq4Any : Levels<4, 0, false, false, true> {};
struct Q2Fine : Levels<2, 0, false, true> {};
struct Q3Fine : Levels<2, 1, false, true> {};
struct Q4Fine : Levels<4, 0, false, true> {};
struct Q6Fine : Levels<4, 2, false, true> {};
struct Q8Fine : Levels<8, 0, false, true> {};

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
struct Deep : Shape<1, 8, 3> {};
struct Narrow : Shape<1, 4, 3> {};

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

  DEVICE void load(const LinearFewParams& p, int strip, int unit) {
    const WeightRows& w = p.linear.w;
    const int lane = lane_id();
    low.load(w.data[WeightRows::kLow] + strip * w.stride[WeightRows::kLow], unit, lane);
    if constexpr (Form::kHigh > 0)
      high.load(w.data[WeightRows::kHigh] + strip * w.stride[WeightRows::kHigh], unit, lane);
    if constexpr (Form::kHalfScales) {
      const u8* at = w.data[WeightRows::kScales] + strip * w.stride[WeightRows::kScales];
      scales = ldg_stream32(at + (group_of(p, unit, lane % 4) * 8 + lane / 4) * 4);
    }
  }

  // The group of a block, or, of fine groups, of half a block: the last one for columns that are not there.
  DEVICE static unsigned group_of(const LinearFewParams& p, int unit, int block, int part = 0) {
    const unsigned at = (unit * kBlocks + block) * Form::kParts + part;
    const unsigned group = p.group_pieces == 1 ? at : at / p.group_pieces;
    return group < p.groups ? group : p.groups - 1;
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

// What is known of 32 values of a column of x: their step, and for each part of them the bits that a sum of products begins with,
// and step times the sum of the bytes.
template <bool half_scales, int parts>
struct Known {
  float step;
  int begin[parts];
  float sum[parts];
};
template <int parts>
struct Known<true, parts> {
  float step;
  int begin[parts];
};

template <class Form, class Columns, class Shape>
struct LinearFew {
  using Params = LinearFewParams;
  static constexpr bool kBegins = true;
  static constexpr int kTiles = Columns::kTiles, kStrips = Shape::kStrips, kWarps = Shape::kWarps,
                       kStages = Shape::kStages;
  static constexpr int kSums = Columns::kSingle ? 2 : 4;            // of a lane, a strip and a tile
  static constexpr int kKnown = Columns::kSingle ? 1 : 8 * kTiles;  // for each block
  static constexpr int kOfWarp = kStrips * kTiles * kSums * 32;     // floats
  using Block = Known<Form::kHalfScales, Form::kParts>;
  using Sums = float[kStrips][kTiles][kSums];

  // Where things lie in shared memory.
  struct Shared {
    float* sums;  // [warp][strip][tile][sum][lane]
    Block* known;
    u8* bytes;
    int column_bytes;  // from column to column
  };

  // Four values of a row of x; zeros where it ends.
  DEVICE static void read(const Params& p, int row, int k, float (&value)[4]) {
    const WeightRows& w = p.linear.w;
    const i64 first = static_cast<i64>(row) * w.columns;
    if (p.aligned && k < w.columns) {
      const uint4 bits = load128(static_cast<const float*>(p.linear.x) + first + k);
      value[0] = bits_to_float(bits.x);
      value[1] = bits_to_float(bits.y);
      value[2] = bits_to_float(bits.z);
      value[3] = bits_to_float(bits.w);
      return;
    }
    for (int i = 0; i < 4; ++i)
      value[i] = k + i < w.columns ? load(p.linear.x, p.dtype, first + (w.order ? w.order[k + i] : k + i)) : 0.0f;
  }

  // Bytes of four values in each of eight lanes, and what is known of the block; `row` and `block` of shared memory.
  DEVICE static void put(const Params& p, const Shared& s, int row, int block, bool there, float (&value)[4]) {
    constexpr float kLargest = 3.402823466e38f;
    const int q = lane_id() % 8;
    float most = 0;
    bool finite = true;
    for (int i = 0; i < 4; ++i) {
      finite = finite && fabsf(value[i]) <= kLargest;
      most = fmaxf(most, fabsf(value[i]));
    }
    if (!finite) most = bits_to_float(0x7f800000);
    for (int distance = 1; distance < 8; distance *= 2) most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, distance));
    finite = most <= kLargest;
    float step = finite ? most / 127.0f : 0.0f;
    for (int digit = 0; digit < p.digits; ++digit) {
      const bool tiny = step < 1e-30f;
      const float inverse = tiny ? 0.0f : 1.0f / step;
      unsigned word = 0;
      int sum = 0;
      for (int i = 0; i < 4; ++i) {
        const float steps = !tiny ? value[i] * inverse : step > 0 ? value[i] / step : 0.0f;
        const float level = rintf(fmaxf(-127.0f, fminf(127.0f, steps)));
        value[i] = fmaf(-level, step, value[i]);
        sum += static_cast<int>(level);
        word |= static_cast<unsigned>(static_cast<int>(level) & 0xff) << 8 * i;
      }
      // the words t and t + 4 side by side, for lane t of a product
      const int column = row * p.digits + digit;
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
          if constexpr (!Form::kHalfScales) known.sum[part] = known.step * static_cast<float>(total);
        }
      }
      step *= 1.0f / 254.0f;
    }
  }

  // x of units [from, from + units) as bytes.
  DEVICE static void prepare(const Params& p, const Shared& s, int from, int units) {
    constexpr int kBatch = 4, kLoop = kWarps * 4;  // blocks that a thread loads at once; that a block of threads takes
    const int blocks = units * kBlocks, first = static_cast<int>(threadIdx.x) / 8, q = lane_id() % 8;
    for (int row = 0; row < p.linear.m; ++row)
      for (int block = 0; block < blocks; block += kBatch * kLoop) {
        float value[kBatch][4];
#pragma unroll
        for (int i = 0; i < kBatch; ++i) {
          const int mine = block + i * kLoop + first;
          const int k = (from * kBlocks + (mine < blocks ? mine : 0)) * kBlockColumns + q * 4;
          if (block + i * kLoop < blocks) read(p, row, k, value[i]);
        }
#pragma unroll 1
        for (int i = 0; i < kBatch; ++i) {
          const int mine = block + i * kLoop + first;
          if (block + i * kLoop < blocks) put(p, s, row, mine, mine < blocks, value[0]);
          for (int next = 1; next < kBatch; ++next)
            for (int j = 0; j < 4; ++j) value[next - 1][j] = value[next][j];
        }
      }
  }

  DEVICE static void consume(const Params& p, const Shared& s, const Loaded<Form> (&loaded)[kStrips], int strip,
                             int unit, int from, Sums& sums) {
    const WeightRows& w = p.linear.w;
    const int lane = lane_id(), g = lane / 4, t = lane % 4;
    Scales mine[kStrips][Form::kParts];  // of block t
    if constexpr (!Form::kHalfScales) {
      for (int r = 0; r < kStrips; ++r)
        for (int part = 0; part < Form::kParts; ++part)
          for (int i = 0; i < 2; ++i) {
            const int row = (strip + r) * kStripRows + g + 8 * i;
            const Affine made =
                strip + r < p.strips ? affine_at(w, row, Loaded<Form>::group_of(p, unit, t, part)) : Affine{0, 0};
            const bool zeros = w.shift == WeightRows::kZeros || w.shift == WeightRows::kFloatZeros;
            mine[r][part].scale[i] = made.scale;
            mine[r][part].offset[i] = zeros ? -made.offset * made.scale : made.offset;
          }
    }
#pragma unroll
    for (int block = 0; block < kBlocks; ++block) {
      const int at = (unit - from) * kBlocks + block;
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

  DEVICE static void finish(const Params& p, const Shared& s, int strip, Sums& sums) {
    const auto& linear = p.linear;
    const WeightRows& w = linear.w;
    float* mine = s.sums + warp_id() * kOfWarp + lane_id();
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
      const int n = (strip + r) * kStripRows + in;
      if (n >= w.count) continue;
      float sum = 0;
      for (int digit = p.digits - 1; digit >= 0; --digit) {
        const int column = m * p.digits + digit, tile = column / 8;
        const int i = Columns::kSingle ? in / 8 : in / 8 * 2 + column % 2, lane = in % 8 * 4 + column % 8 / 2;
        for (int warp = 0; warp < kWarps; ++warp)
          sum += s.sums[warp * kOfWarp + ((r * kTiles + tile) * kSums + i) * 32 + lane];
      }
      const i64 to = m * linear.n + w.first + n;
      if (linear.bias) sum += linear.bias[w.first + n];
      if (linear.residual) sum += load(linear.residual, p.dtype, to);
      store_as(linear.y, p.dtype, to, sum);
    }
    __syncthreads();
  }

  DEVICE static void run(const Params& p) {
    DYNAMIC_SHARED(float, memory);
    Shared s;
    s.sums = memory;
    s.known = reinterpret_cast<Block*>(memory + kWarps * kOfWarp);
    s.column_bytes = p.phase * kUnitColumns + 32;  // so that no two columns of a tile meet in a bank
    s.bytes = reinterpret_cast<u8*>(s.known + (p.phase * kBlocks * kKnown + 3) / 4 * 4);

    // Units of a set of strips, a warp's own ones, then those of the next set of the block.
    const int sets = (p.strips + kStrips - 1) / kStrips, last = (p.units + kWarps - 1) / kWarps * kWarps;
    Loaded<Form> ring[kStages][kStrips];
    int ahead_set = blockIdx.x, ahead = warp_id();
    const auto issue = [&](Loaded<Form>(&to)[kStrips]) {
      for (int r = 0; r < kStrips; ++r)
        if (ahead_set < sets && ahead < p.units && ahead_set * kStrips + r < p.strips)
          to[r].load(p, ahead_set * kStrips + r, ahead);
      ahead += kWarps;
      if (ahead < p.turns * kWarps) return;
      ahead = warp_id();
      ahead_set += gridDim.x;
    };
#pragma unroll
    for (int stage = 0; stage < kStages; ++stage) issue(ring[stage]);
    wait_for_earlier_kernels();
    let_next_kernel_begin();

    Sums sums = {};
    bool ready = false;
    for (int set = blockIdx.x; set < sets; set += gridDim.x) {
      for (int from = 0; from < last; from += p.phase) {
        if (!ready) {
          __syncthreads();
          prepare(p, s, from, p.units - from < p.phase ? p.units - from : p.phase);
          __syncthreads();
          ready = last <= p.phase;
        }
        const int end = from + p.phase < p.turns * kWarps ? from + p.phase : p.turns * kWarps;
        for (int unit = from + warp_id(); unit < end; unit += kStages * kWarps)
#pragma unroll
          for (int stage = 0; stage < kStages; ++stage) {
            const int mine = unit + stage * kWarps;
            if (mine < p.units) consume(p, s, ring[stage], set * kStrips, mine, from, sums);
            issue(ring[stage]);
          }
      }
      finish(p, s, set * kStrips, sums);
    }
  }
};

}  // namespace

// instances: LinearFew<form = Q4 Q5 Q8 Iq4 Q4Any Q5Any Q8Any Iq4Any Q2Fine Q3Fine Q4Fine Q6Fine Q8Fine, columns = One Eight, shape = Deep>
// instances: LinearFew<form = Q4 Q5 Q8 Iq4 Q4Any Q5Any Q8Any Iq4Any Q2Fine Q3Fine Q4Fine Q6Fine Q8Fine, columns = Sixteen, shape = Narrow>
