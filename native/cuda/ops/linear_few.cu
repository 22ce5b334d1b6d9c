// y = norm(x) · wᵀ + bias + residual, or silu of gates times ups, for few rows of x and levels in tile order: as fast as w is read, whether for 1 row or for 16.
//
// x becomes bytes: int8 activations as they are, 32 values to a step; exact ones as three digits of base 254, each of them a column
// of the product. Products of bytes are summed as integers, exactly, 32 columns of w at a time; scales come in behind, in float32.
// A warp takes units of 128 columns of w for strips of 16 rows. The warps of a block share the columns of x, and their sums meet in
// shared memory in an order that never changes. A single row is normed and rounded in every block, while its weights are on their way;
// more are once, by LinearBytes.
#include "cuda/levels.cuh"
#include "cuda/product.cuh"

namespace {

using lophi::cuda::LinearFewParams;

constexpr int kUnitColumns = 128, kBlockColumns = 32, kBlocks = kUnitColumns / kBlockColumns;
// The bits of 1.5 · 2^23. A sum of bytes added to them makes the float of that much more.
constexpr int kMagicBits = 0x4b400000;
constexpr float kMagic = 12582912.0f;

// Columns of x times digits, in tiles of eight; `single`: there is but one.
template <int tiles, bool single = false>
struct Columns {
  static constexpr int kTiles = tiles;
  static constexpr bool kSingle = single;
};
struct One : Columns<1, true> {};
struct Eight : Columns<1> {};
struct Sixteen : Columns<2> {};

// Warps of a block, units that a warp has under way, blocks that share a multiprocessor.
template <int warps, int stages, int resident>
struct Shape {
  static constexpr int kWarps = warps, kStages = stages, kResident = resident;
};
struct Deep : Shape<8, 3, 2> {};
struct Short : Shape<8, 2, 2> {};
struct Roomy : Shape<8, 2, 1> {};
struct Narrow : Shape<4, 3, 2> {};
struct NarrowShort : Shape<4, 2, 2> {};

// Rows g and g + 8 of a group: q * scale + offset.
struct Scales {
  float scale[2], offset[2];
};

// What groups have, as it comes from memory: words of floats, and levels of both rows.
struct Raw {
  unsigned scale[2], shift[2], levels[4];

  // Element (group, g) of a section, of two rows of `bits` each.
  DEVICE static unsigned pair(const WeightRows& w, int section, int bits, i64 strip, unsigned group, int g) {
    const u8* at = w.data[section] + strip * w.stride[section];
    const unsigned element = group * 8 + g;
    if (bits == 8) return ldg_stream16(at + element * 2);
    if (bits == 4) return ldg_stream8(at + element);
    return ldg_stream8(at + element / 2) >> element % 2 * 4;
  }
  DEVICE static void floats(const WeightRows& w, int section, i64 strip, unsigned group, int g, unsigned (&to)[2]) {
    const u8* at = w.data[section] + strip * w.stride[section];
    if (w.scale_type == kFloat32) {
      const uint2 v = ldg_stream64(at + (group * 8 + g) * 8);
      to[0] = v.x;
      to[1] = v.y;
    } else {
      to[0] = ldg_stream32(at + (group * 8 + g) * 4);
    }
  }

  DEVICE void load(const LinearFewParams& p, i64 strip, unsigned group) {
    const WeightRows& w = p.linear.w;
    const int g = lane_id() / 4;
    const unsigned super = group >> p.super_shift;
    floats(w, WeightRows::kScales, strip, super, g, scale);
    if (w.scale_low) levels[0] = pair(w, WeightRows::kScaleLow, w.scale_low, strip, group, g);
    if (w.scale_high) levels[1] = pair(w, WeightRows::kScaleHigh, w.scale_high, strip, group, g);
    if (w.shift > WeightRows::kZeros) floats(w, WeightRows::kShifts, strip, super, g, shift);
    if (w.shift_low) levels[2] = pair(w, WeightRows::kShiftLow, w.shift_low, strip, group, g);
    if (w.shift_high) levels[3] = pair(w, WeightRows::kShiftHigh, w.shift_high, strip, group, g);
  }

  DEVICE static float number(const WeightRows& w, const unsigned (&words)[2], int row) {
    if (w.scale_type == kFloat32) return bits_to_float(words[row]);
    const u16 bits = static_cast<u16>(words[0] >> 16 * row);
    return w.scale_type == kFloat16 ? to_float(Half{bits}) : to_float(Bfloat{bits});
  }
  DEVICE static int level(unsigned low, int low_bits, unsigned high, int high_bits, int row) {
    int made = static_cast<int>(low >> row * low_bits) & ((1 << low_bits) - 1);
    if (high_bits) made |= (static_cast<int>(high >> row * high_bits) & ((1 << high_bits) - 1)) << low_bits;
    return made;
  }

  DEVICE Scales scales(const WeightRows& w) const {
    Scales made;
    for (int row = 0; row < 2; ++row) {
      float s = number(w, scale, row), o = 0;
      if (w.scale_low)
        s *= static_cast<float>(level(levels[0], w.scale_low, levels[1], w.scale_high, row) - w.scale_zero);
      if (w.shift_low) o = static_cast<float>(level(levels[2], w.shift_low, levels[3], w.shift_high, row));
      if (w.shift > WeightRows::kZeros) {
        const float given = number(w, shift, row);
        o = w.shift == WeightRows::kMinima ? -given * o : given;
      }
      made.scale[row] = s;
      made.offset[row] = w.shift == WeightRows::kZeros || w.shift == WeightRows::kFloatZeros ? -o * s : o;
    }
    return made;
  }
};

// Weights of a strip and a unit, as they come from memory.
template <class Form>
struct Loaded {
  LevelTiles<Form, 2> levels;
  unsigned scales;                                // of block t, rows g and g + 8, where there is nothing but float16
  Raw raw[Form::kHalfScales ? 1 : Form::kParts];  // of block t, else

  DEVICE void load(const LinearFewParams& p, int strip, int unit) {
    const WeightRows& w = p.linear.w;
    const int lane = lane_id();
    levels.load(w, strip, 2 * unit);
    if constexpr (Form::kHalfScales) {
      const u8* at = w.data[WeightRows::kScales] + strip * w.stride[WeightRows::kScales];
      scales = ldg_stream32(at + (group_of(p, unit, lane % 4) * 8 + lane / 4) * 4);
    } else {
      for (int part = 0; part < Form::kParts; ++part) raw[part].load(p, strip, group_of(p, unit, lane % 4, part));
    }
  }

  // The group of a block, or, of fine groups, of half a block: the last one for columns that are not there.
  DEVICE static unsigned group_of(const LinearFewParams& p, int unit, int block, int part = 0) {
    const unsigned at = (unit * kBlocks + block) * Form::kParts + part;
    const unsigned group = p.group_pieces == 1 ? at : at / p.group_pieces;
    return group < p.groups ? group : p.groups - 1;
  }

  DEVICE void operands(int block, unsigned (&a)[4]) const {
    for (int h = 0; h < 2; ++h) {
      unsigned bytes[2];
      levels.bytes(2 * block + h, bytes);
      a[2 * h] = bytes[0];
      a[2 * h + 1] = bytes[1];
    }
  }
};

// What is known of 32 values of a column of x: their step, and for each part of them the bits that a sum of products begins with,
// and step times the sum of the bytes.
template <bool half_scales, int parts>
struct Known {
  static constexpr bool kSums = true;
  static constexpr int kParts = parts;
  float step;
  int begin[parts];
  float sum[parts];
};
template <>
struct Known<true, 1> {
  static constexpr bool kSums = false;
  static constexpr int kParts = 1;
  float step;
  int begin[1];
};

using lophi::cuda::LinearBytesParams;

// Values of x on their way into bytes: each block of 32 by eight lanes.
template <class Block>
struct Bytes {
  Block* known;
  u8* bytes;
  int column_bytes;  // from column to column

  // Four values of a row; zeros where it ends.
  DEVICE static void read(const LinearBytesParams& p, int row, int k, float scale, float (&value)[4]) {
    const i64 first = row * p.k;
    if (p.aligned && k < p.k && !p.norm.weight) {
      const uint4 bits = load128(static_cast<const float*>(p.x) + first + k);
      value[0] = bits_to_float(bits.x);
      value[1] = bits_to_float(bits.y);
      value[2] = bits_to_float(bits.z);
      value[3] = bits_to_float(bits.w);
      return;
    }
    for (int i = 0; i < 4; ++i) {
      value[i] = 0;
      if (k + i >= p.k) continue;
      const i64 at = p.order ? p.order[k + i] : k + i;
      value[i] = load(p.x, p.dtype, first + at);
      if (p.norm.weight) value[i] = Norm{p.norm}.normed(value[i], scale, at);
    }
  }

  DEVICE void put(const LinearBytesParams& p, int row, int block, bool there, float (&value)[4]) const {
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
        *reinterpret_cast<unsigned*>(bytes + column * column_bytes + block * kBlockColumns + (q % 4 * 2 + q / 4) * 4) =
            word;
      for (int distance = 1; distance < 4; distance *= 2) sum += __shfl_xor_sync(kAllLanes, sum, distance);
      const int other = __shfl_xor_sync(kAllLanes, sum, 4);
      if (there && q == 0) {
        Block& to = known[block * p.known_columns + column];
        to.step = finite ? step : bits_to_float(0x7fc00000);
        for (int part = 0; part < Block::kParts; ++part) {
          const int total = Block::kParts == 1 ? sum + other : part == 0 ? sum : other;
          to.begin[part] = kMagicBits - p.zero * total;
          if constexpr (Block::kSums) to.sum[part] = to.step * static_cast<float>(total);
        }
      }
      step *= 1.0f / 254.0f;
    }
  }
};

template <class Form, class Columns, class Shape>
struct LinearFew {
  using Params = LinearFewParams;
  static constexpr bool kBegins = true;
  static constexpr int kThreads = 32 * Shape::kWarps, kResident = Shape::kResident;
  static constexpr int kTiles = Columns::kTiles, kWarps = Shape::kWarps, kStages = Shape::kStages;
  static constexpr int kSums = Columns::kSingle ? 2 : 4;            // of a lane and a tile
  static constexpr int kKnown = Columns::kSingle ? 1 : 8 * kTiles;  // for each block
  static constexpr int kOfWarp = kTiles * kSums * 32;               // floats
  using Block = Known<Form::kHalfScales, Form::kParts>;
  using Totals = float[kTiles][kSums];

  // Where things lie in shared memory.
  struct Shared : Bytes<Block> {
    float* sums;   // [warp][tile][sum][lane]
    float* gates;  // [m][16]
  };

  // x of units [from, from + units) as bytes. `scale`: that of its norm.
  DEVICE static void prepare(const Params& p, const Shared& s, int from, int units, float scale) {
    if (!Columns::kSingle || p.x.bytes) {
      const int words = units * (kUnitColumns / 16),
                known = units * kBlocks * kKnown * static_cast<int>(sizeof(Block)) / 16;
      for (int column = 0; column < p.columns; ++column) {
        const u8* at = p.x.bytes + (static_cast<i64>(column) * p.units + from) * kUnitColumns;
        for (int i = static_cast<int>(threadIdx.x); i < words; i += kThreads)
          cp_async16(s.bytes + column * s.column_bytes + 16 * i, at + 16 * i);
      }
      const u8* at = reinterpret_cast<const u8*>(static_cast<const Block*>(p.x.known) + from * kBlocks * kKnown);
      for (int i = static_cast<int>(threadIdx.x); i < known; i += kThreads)
        cp_async16(reinterpret_cast<u8*>(s.known) + 16 * i, at + 16 * i);
      cp_async_commit();
      cp_async_wait<0>();
      return;
    }
    if constexpr (Columns::kSingle) {
      const float* x = static_cast<const float*>(p.x.x) + from * kUnitColumns;
      const float* gain = static_cast<const float*>(p.x.norm.weight) + from * kUnitColumns;
      const int halves = units * kBlocks * 2;
      for (int first = 0; first < halves; first += kThreads) {
        const int half = first + static_cast<int>(threadIdx.x), k = half * 16;
        const bool there = half < halves && from * kUnitColumns + k < p.x.k;
        float value[16];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const uint4 bits = there ? load128(x + k + 4 * i) : uint4{0, 0, 0, 0};
          value[4 * i] = bits_to_float(bits.x);
          value[4 * i + 1] = bits_to_float(bits.y);
          value[4 * i + 2] = bits_to_float(bits.z);
          value[4 * i + 3] = bits_to_float(bits.w);
        }
        if (p.x.norm.weight && there) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const uint4 bits = load128(gain + k + 4 * i);
            value[4 * i] = value[4 * i] * scale * bits_to_float(bits.x);
            value[4 * i + 1] = value[4 * i + 1] * scale * bits_to_float(bits.y);
            value[4 * i + 2] = value[4 * i + 2] * scale * bits_to_float(bits.z);
            value[4 * i + 3] = value[4 * i + 3] * scale * bits_to_float(bits.w);
          }
        }
        put_half(s, p.x.zero, half, half < halves, value);
      }
    }
  }

  // Half a block of the one column there is, by a thread; the other half by its neighbour.
  DEVICE static void put_half(const Shared& s, int zero, int half, bool there, const float (&value)[16]) {
    unsigned most = 0;  // as bits, so that what is not finite is the largest
#pragma unroll
    for (int i = 0; i < 16; ++i) {
      const unsigned size = float_to_bits(value[i]) & 0x7fffffff;
      most = size > most ? size : most;
    }
    const unsigned others = __shfl_xor_sync(kAllLanes, most, 1);
    most = others > most ? others : most;
    const float largest = bits_to_float(most), scale = largest < 1e-30f ? 18446744073709551616.0f : 1.0f;
    const float to_level = most > 0 && most < 0x7f800000 ? 127.0f / (largest * scale) : 0.0f;
    int sum = 0;
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      unsigned level[4];  // in the lowest bytes
#pragma unroll
      for (int i = 0; i < 4; ++i) level[i] = float_to_bits(value[4 * q + i] * scale * to_level + kMagic);
      const unsigned word = prmt(prmt(level[0], level[1], 0x0040), prmt(level[2], level[3], 0x0040), 0x5410);
      // the words t and t + 4 of a block side by side, for lane t of a product
      if (there) *reinterpret_cast<unsigned*>(s.bytes + half / 2 * kBlockColumns + (q * 2 + half % 2) * 4) = word;
      sum = dp4a(word, 0x01010101, sum);
    }
    if constexpr (Form::kParts == 1) sum += __shfl_xor_sync(kAllLanes, sum, 1);
    const int part = Form::kParts == 1 ? 0 : half % 2;
    if (!there || (half % 2 && part == 0)) return;
    Block& known = s.known[half / 2];
    const float step = most < 0x7f800000 ? largest / 127.0f : bits_to_float(0x7fc00000);
    if (half % 2 == 0) known.step = step;
    known.begin[part] = kMagicBits - zero * sum;
    if constexpr (Block::kSums) known.sum[part] = step * static_cast<float>(sum);
  }

  DEVICE static void consume(const Params& p, const Shared& s, const Loaded<Form>& loaded, int unit, int from,
                             Totals& sums) {
    const int lane = lane_id(), g = lane / 4, t = lane % 4;
    Scales mine[Form::kParts];  // of block t
    if constexpr (!Form::kHalfScales) {
      for (int part = 0; part < Form::kParts; ++part) mine[part] = loaded.raw[part].scales(p.linear.w);
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
      unsigned a[4];
      loaded.operands(block, a);
      Scales scales[Form::kParts];
      if constexpr (Form::kHalfScales) {
        const unsigned pair = __shfl_sync(kAllLanes, loaded.scales, (lane & 28) | block);
        scales[0].scale[0] = half_to_float(static_cast<u16>(pair));
        scales[0].scale[1] = half_to_float(static_cast<u16>(pair >> 16));
      } else {
        for (int part = 0; part < Form::kParts; ++part)
          for (int i = 0; i < 2; ++i) {
            scales[part].scale[i] = __shfl_sync(kAllLanes, mine[part].scale[i], (lane & 28) | block);
            scales[part].offset[i] = __shfl_sync(kAllLanes, mine[part].offset[i], (lane & 28) | block);
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
            float& to = sums[tile][i];
            to = fmaf((bits_to_float(static_cast<unsigned>(sum)) - kMagic) * column.step, scales[part].scale[row], to);
            if constexpr (!Form::kHalfScales) {
              to = fmaf(scales[part].offset[row], column.sum[part], to);
            }
          }
        }
    }
  }

  DEVICE static void finish(const Params& p, const Shared& s, int strip, Totals& sums) {
    float* mine = s.sums + warp_id() * kOfWarp + lane_id();
    for (int tile = 0; tile < kTiles; ++tile)
      for (int i = 0; i < kSums; ++i) {
        mine[(tile * kSums + i) * 32] = sums[tile][i];
        sums[tile][i] = 0;
      }
    __syncthreads();
    const int rows = static_cast<int>(p.linear.m);
    for (int at = static_cast<int>(threadIdx.x); at < rows * kStripRows; at += kThreads) {
      const int in = at % kStripRows, m = at / kStripRows;
      float sum = 0;
      for (int digit = p.x.digits - 1; digit >= 0; --digit) {
        const int column = m * p.x.digits + digit, tile = column / 8;
        const int i = Columns::kSingle ? in / 8 : in / 8 * 2 + column % 2, lane = in % 8 * 4 + column % 8 / 2;
        for (int warp = 0; warp < kWarps; ++warp) sum += s.sums[warp * kOfWarp + (tile * kSums + i) * 32 + lane];
      }
      put(p.linear, p.x.dtype, m, strip, in, sum, s.gates);
    }
    __syncthreads();
  }

  DEVICE static void run(const Params& p) {
    DYNAMIC_SHARED(float, memory);
    Shared s;
    s.sums = memory;
    s.gates = memory + kWarps * kOfWarp;
    s.known = reinterpret_cast<Block*>(s.gates + (p.linear.silu ? p.linear.m * kStripRows : 0));
    s.column_bytes = p.phase * kUnitColumns + 32;  // so that no two columns of a tile meet in a bank
    s.bytes = reinterpret_cast<u8*>(s.known + (p.phase * kBlocks * kKnown + 3) / 4 * 4);

    // Units of a strip, a warp's own ones, then those of the block's next strip.
    const Strips strips(p.linear, p.strips);
    const int last = (p.units + kWarps - 1) / kWarps * kWarps;
    Loaded<Form> ring[kStages];
    int ahead_turn = 0, ahead_strip = strips[0], ahead = warp_id();
    const auto issue = [&](Loaded<Form>& to) {
      if (ahead_strip < strips.count && ahead < p.units) to.load(p, ahead_strip, ahead);
      ahead += kWarps;
      if (ahead < p.turns * kWarps) return;
      ahead = warp_id();
      ahead_strip = strips[++ahead_turn];
    };
#pragma unroll
    for (int stage = 0; stage < kStages; ++stage) issue(ring[stage]);
    wait_for_earlier_kernels();
    let_next_kernel_begin();

    float scale = 1;
    if constexpr (Columns::kSingle) {
      if (p.x.norm.weight && !p.x.bytes) scale = Norm{p.x.norm}.scale(p.x.x, kFloat32, 0, p.x.k);
    }
    Totals sums = {};
    bool ready = false;
    for (int turn = 0, strip = strips[0]; strip < strips.count; strip = strips[++turn]) {
      for (int from = 0; from < last; from += p.phase) {
        if (!ready) {
          __syncthreads();
          prepare(p, s, from, p.units - from < p.phase ? p.units - from : p.phase, scale);
          __syncthreads();
          ready = last <= p.phase;
        }
        const int end = from + p.phase < p.turns * kWarps ? from + p.phase : p.turns * kWarps;
        for (int unit = from + warp_id(); unit < end; unit += kStages * kWarps)
#pragma unroll
          for (int stage = 0; stage < kStages; ++stage) {
            const int mine = unit + stage * kWarps;
            if (mine < p.units) consume(p, s, ring[stage], mine, from, sums);
            issue(ring[stage]);
          }
      }
      finish(p, s, strip, sums);
    }
  }
};

// The bytes of all of x once, for more than one row.
template <class Block>
struct LinearBytes {
  using Params = LinearBytesParams;
  DEVICE static void run(const Params& p) {
    const Bytes<Block> to{static_cast<Block*>(p.known), p.bytes, p.blocks * kBlockColumns};
    const int row = blockIdx.y, block = (blockIdx.x * blockDim.x + threadIdx.x) / 8, q = lane_id() % 8;
    float value[4];
    const float scale = p.norm.weight ? Norm{p.norm}.scale(p.x, p.dtype, row * p.k, p.k) : 1.0f;
    to.read(p, row, (block < p.blocks ? block : 0) * kBlockColumns + q * 4, scale, value);
    to.put(p, row, block, block < p.blocks, value);
  }
};
struct Steps : Known<true, 1> {};
struct Sums : Known<false, 1> {};
struct FineSums : Known<false, 2> {};

}  // namespace

// instances: LinearBytes<known = Steps Sums FineSums>
// instances: LinearFew<WeightForm = Q4 Q5 Iq4, columns = One Eight, shape = Deep>
// instances: LinearFew<WeightForm = Q8, columns = One Eight, shape = Short>
// instances: LinearFew<WeightForm = Q4 Q5 Q8 Iq4, columns = Sixteen, shape = Narrow>
// instances: LinearFew<WeightForm = Q4Any Q5Any Q8Any Iq4Any Q2Fine Q3Fine Q4Fine Q6Fine Q8Fine, columns = One Eight, shape = Roomy>
// instances: LinearFew<WeightForm = Q4Any Q5Any Q8Any Iq4Any Q2Fine Q3Fine Q4Fine Q6Fine Q8Fine, columns = Sixteen, shape = NarrowShort>
