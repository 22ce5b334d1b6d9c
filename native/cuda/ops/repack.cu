// Canonical rows into tile order (weights.cuh), section by section: a thread per word, strips by grid.y. Rows and columns that are
// not there are zeros.
#include "cuda/weights.cuh"

namespace {

using lophi::cuda::RepackParams;

// Element i of a row.
DEVICE unsigned element(const RepackParams& p, i64 row, i64 i) {
  if (row >= p.rows || i >= p.elements) return 0;
  const u8* from = p.from + row * p.from_stride;
  if (p.bits == 32) return reinterpret_cast<const unsigned*>(from)[i];
  if (p.bits == 16) return reinterpret_cast<const u16*>(from)[i];
  return static_cast<unsigned>(bits_at(from, p.bits, i * p.bits));
}

// Word `at` of a tile, or of 64 groups: calls put(row, column) for its elements, from the lowest bits on.
struct Levels {
  template <class F>
  DEVICE static void elements(int bits, int at, F&& put) {
    if (bits == 32) return put(at / kTileColumns, at % kTileColumns);
    const int step = at / 128, lane = bits >= 8 ? at / 4 % 32 : at / bits, g = lane / 4, t = lane % 4;
    if (bits == 16) {
      for (int j = 0; j < 2; ++j) put(g + at % 2 * 8, step * 16 + at / 2 % 2 * 8 + 2 * t + j);
      return;
    }
    const int fields = 8 / bits, word = bits == 8 ? step * 4 + at % 4 : at % bits;
    for (int j = 0; j < 4 * fields; ++j) {
      const int place = word * fields + j % fields;
      put(g + place % 2 * 8, place / 2 * 16 + t * 4 + j / fields);
    }
  }
};

struct Groups {
  template <class F>
  DEVICE static void elements(int bits, int at, F&& put) {
    const int each = 32 / bits;
    for (int j = 0; j < each; ++j) {
      const int i = at * each + j;
      put(i % 2 * 8 + i / 2 % 8, i / 16);
    }
  }
};

template <class Order>
struct Repack {
  using Params = RepackParams;
  DEVICE static void run(const Params& p) {
    const int words = kStripRows * kTileColumns * p.bits / 32;  // of a tile
    const i64 strips = (p.rows + kStripRows - 1) / kStripRows, step = static_cast<i64>(gridDim.x) * blockDim.x;
    for (i64 strip = blockIdx.y; strip < strips; strip += gridDim.y)
      for (i64 i = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; i < p.to_stride / 4; i += step) {
        unsigned word = 0;
        int shift = 0;
        Order::elements(p.bits, static_cast<int>(i % words), [&](int row, int column) {
          word |= element(p, strip * kStripRows + row, i / words * kTileColumns + column) << shift;
          shift += p.bits;
        });
        reinterpret_cast<unsigned*>(p.to + strip * p.to_stride)[i] = word;
      }
  }
};

}  // namespace

// instances: Repack<Levels Groups>
