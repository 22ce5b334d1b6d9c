#include "core/transpose.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"

namespace lophi {
namespace {

// A tile is 64 lines by 64 bytes, or the 32 by 32 (16 by 16) values of 2 (4) bytes: whole cache lines on both sides.
// Words are little-endian: the first value of eight bytes is the lowest.
constexpr int64_t kSide = 64;
using Line = uint64_t[kSide / 8];

// lines[j] holds values i of the tile, rows[i] gets values j. Square blocks inside words are swapped, ever larger ones.
template <int Size>
void transpose_tile(const Line* lines, Line* rows) {
  constexpr int kValues = 8 / Size, kWords = kSide / 8;
  for (int group = 0; group < kWords; ++group) {
    uint64_t words[kValues][kWords];
    std::memcpy(words, lines[group * kValues], sizeof words);
    for (int step = 1; step < kValues; step *= 2) {
      const int shift = step * Size * 8;
      const uint64_t low = ~uint64_t{0} / ((uint64_t{1} << shift) + 1);  // of each pair of blocks the lower one
      for (int i = 0; i < kValues; ++i) {
        if (i & step) continue;
        for (int c = 0; c < kWords; ++c) {
          const uint64_t moved = (words[i][c] >> shift ^ words[i + step][c]) & low;
          words[i + step][c] ^= moved;
          words[i][c] ^= moved << shift;
        }
      }
    }
    for (int i = 0; i < kValues; ++i)
      for (int c = 0; c < kWords; ++c) rows[c * kValues + i][group] = words[i][c];
  }
}

// Whole cache lines without a call.
void copy(void* to, const void* from, int64_t bytes) {
  if (bytes == kSide)
    std::memcpy(to, from, kSide);
  else
    std::memcpy(to, from, static_cast<size_t>(bytes));
}

void flip(Line* lines, int64_t count, uint8_t bits) {
  const uint64_t mask = ~uint64_t{0} / 255 * bits;
  for (int64_t i = 0; i < count; ++i)
    for (uint64_t& word : lines[i]) word ^= mask;
}

// Calls f(row, place) for the corner of every tile, on all cores. Neighbouring tiles, which share pages, follow each other.
template <class F>
void each_tile(int64_t rows, int64_t row_step, int64_t places, int64_t place_step, F&& f) {
  constexpr int64_t kNeighbours = 8;
  const int64_t high = row_step * kNeighbours, wide = place_step * kNeighbours;
  const int64_t across = (rows + high - 1) / high;
  parallel(across * ((places + wide - 1) / wide), [&](int64_t block) {
    const int64_t row = block % across * high, place = block / across * wide;
    for (int64_t p = place; p < std::min(place + wide, places); p += place_step)
      for (int64_t r = row; r < std::min(row + high, rows); r += row_step) f(r, p);
  });
}

template <int Size>
void transpose_values(const Lines& from, const Rows& to) {
  constexpr int64_t kValues = kSide / Size;
  each_tile(from.rows, kValues, from.count, kValues, [&](int64_t row, int64_t place) {
    Line lines[kValues] = {}, rows[kValues];
    const int64_t high = std::min(kValues, from.rows - row), wide = std::min(kValues, from.count - place);
    for (int64_t p = 0; p < wide; ++p) {
      const int64_t line = from.order ? from.order[place + p] : place + p;
      copy(lines[p], from.data + (line * from.values + from.first + row) * Size, high * Size);
    }
    if (from.flip) flip(lines, wide, from.flip);
    transpose_tile<Size>(lines, rows);
    for (int64_t r = 0; r < high; ++r)
      copy(to.data + static_cast<size_t>(row + r) * to.stride + place * Size, rows[r], wide * Size);
  });
}

// `count` nibbles of a line from nibble `first` on. In lines of an odd number every other one begins inside a byte.
void copy_nibbles(uint8_t* to, const uint8_t* from, int64_t first, int64_t count) {
  if (first % 2 == 0) return copy(to, from + first / 2, (count + 1) / 2);
  for (int64_t i = 0; i < (count + 1) / 2; ++i, first += 2) {
    const unsigned high = 2 * i + 1 < count ? from[first / 2 + 1] & 15 : 0;
    to[i] = static_cast<uint8_t>(from[first / 2] >> 4 | high << 4);
  }
}

}  // namespace

void transpose(const Lines& from, size_t size, const Rows& to) {
  if (size == 1) return transpose_values<1>(from, to);
  if (size == 2) return transpose_values<2>(from, to);
  return transpose_values<4>(from, to);
}

// Two lines become a line of the bytes of even rows and one of odd rows, which are transposed like any bytes. Words of awq
// are read whole: rows before the first are left out again.
void transpose_nibbles(const Lines& from, bool awq, const Rows& to) {
  constexpr int64_t kNibbles = 2 * kSide;
  static constexpr int kPlain[] = {0, 1, 2, 3, 4, 5, 6, 7}, kAwq[] = {0, 2, 4, 6, 1, 3, 5, 7};
  const int* row_of = awq ? kAwq : kPlain;
  const int64_t skipped = awq ? from.first % 8 : 0, first = from.first - skipped, end = skipped + from.rows;
  each_tile(end, kNibbles, from.count, kNibbles, [&](int64_t row, int64_t place) {
    const int64_t high = std::min(kNibbles, end - row), wide = std::min(kNibbles, from.count - place);
    const int64_t read = awq ? (high + 7) / 8 * 8 : high;
    Line even[kSide], odd[kSide], rows[kSide];
    const auto load = [&](uint8_t* line, int64_t p) {
      const int64_t index = from.order ? from.order[place + p] : place + p;
      copy_nibbles(line, from.data, index * from.values + first + row, read);
      for (int64_t i = 0; i < kSide; ++i) line[i] ^= from.flip;
    };
    for (int64_t p = 0; p < wide; p += 2) {
      uint8_t first[kSide] = {}, second[kSide] = {}, low[kSide], upper[kSide];
      load(first, p);
      if (p + 1 < wide) load(second, p + 1);
      for (int64_t i = 0; i < kSide; ++i) {
        low[i] = static_cast<uint8_t>((first[i] & 15) | second[i] << 4);
        upper[i] = static_cast<uint8_t>(first[i] >> 4 | (second[i] & 0xf0));
      }
      std::memcpy(even[p / 2], low, kSide);
      std::memcpy(odd[p / 2], upper, kSide);
    }
    if (wide < kNibbles) {
      const auto used = static_cast<size_t>((wide + 1) / 2);
      std::memset(even[used], 0, sizeof even - used * kSide);
      std::memset(odd[used], 0, sizeof odd - used * kSide);
    }
    for (int half = 0; half < 2; ++half) {
      transpose_tile<1>(half ? odd : even, rows);
      for (int64_t i = 0; i < kSide; ++i) {
        const int64_t nibble = 2 * i + half, r = row + nibble / 8 * 8 + row_of[nibble % 8];
        if (r >= skipped && r < end)
          copy(to.data + static_cast<size_t>(r - skipped) * to.stride + place / 2, rows[i], (wide + 1) / 2);
      }
    }
  });
}

}  // namespace lophi
