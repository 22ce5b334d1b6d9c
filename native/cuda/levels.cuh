// Levels in tile order (weights.cuh) as the lanes of a warp read and unpack them, and the forms of weights that kernels are made for.
#pragma once
#include "cuda/weights.cuh"

namespace {

// Bits of both planes. `half_scales`: a float16 scale for every 32 columns or a multiple, and nothing else; `fine`: groups of 16;
// `codes`: places in the codebook.
template <int low, int high, bool half_scales, bool fine = false, bool codes = false>
struct Levels {
  static constexpr int kLow = low, kHigh = high, kParts = fine ? 2 : 1;  // groups of 32 columns
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

// The words of a lane for tiles that follow each other in a plane.
template <int bits, int tiles>
struct Plane {
  unsigned words[bits * tiles];

  DEVICE void load(const u8* at) {
    const int lane = lane_id();
    if constexpr (bits == 1) {
      for (int i = 0; i < tiles; ++i) words[i] = ldg_stream32(at + 4 * (32 * i + lane));
    } else if constexpr (bits == 2) {
      for (int i = 0; i < tiles; ++i) {
        const uint2 v = ldg_stream64(at + 8 * (32 * i + lane));
        words[2 * i] = v.x;
        words[2 * i + 1] = v.y;
      }
    } else {
      for (int i = 0; i < bits * tiles / 4; ++i) {
        const uint4 v = ldg_stream(at + 16 * (32 * i + lane));
        words[4 * i] = v.x;
        words[4 * i + 1] = v.y;
        words[4 * i + 2] = v.z;
        words[4 * i + 3] = v.w;
      }
    }
  }

  // Register j, a level in each byte.
  DEVICE unsigned levels(int j) const {
    constexpr unsigned kFields = 8 / bits, kMask = ((1u << bits) - 1) * 0x01010101u;
    return words[j / kFields] >> j % kFields * bits & kMask;
  }
};
template <int tiles>
struct Plane<0, tiles> {
  DEVICE void load(const u8*) {}
  DEVICE unsigned levels(int) const { return 0; }
};

// The codebook's values + 128 for four nibbles.
DEVICE unsigned coded(unsigned nibbles) {
  const unsigned in_half = nibbles & 0x7777;
  const unsigned low = prmt(0x3f2d1801, 0x766a5d4f, in_half), high = prmt(0xa6998d81, 0xf1d9c5b5, in_half);
  return prmt(low, high, 0x3210 | (nibbles & 0x8888) >> 1);
}

// Levels of a strip in tiles that follow each other.
template <class Form, int tiles>
struct LevelTiles {
  Plane<Form::kLow, tiles> low;
  Plane<Form::kHigh, tiles> high;

  DEVICE void load(const WeightRows& w, i64 strip, i64 tile) {
    const auto at = [&](int section, int bits) {
      return w.data[section] + strip * w.stride[section] + tile * 128 * bits;
    };
    low.load(at(WeightRows::kLow, Form::kLow));
    if constexpr (Form::kHigh > 0) high.load(at(WeightRows::kHigh, Form::kHigh));
  }

  // The two registers of 16 columns, rows g and g + 8: a byte for each level, or for its code's value + 128.
  DEVICE void bytes(int step, unsigned (&to)[2]) const {
    if constexpr (Form::kCodes) {
      const unsigned word = low.words[step], first = coded(word & 0xffff), last = coded(word >> 16);
      to[0] = prmt(first, last, 0x6420);
      to[1] = prmt(first, last, 0x7531);
    } else {
      for (int i = 0; i < 2; ++i) to[i] = low.levels(2 * step + i) | high.levels(2 * step + i) << Form::kLow;
    }
  }
};

}  // namespace
