// y [M, N] = x [M, K] * w [N, K] transposed + bias [N], for the rows of one part of w: levels of 4 or 8 bits in whole units of 32 columns, a scale for
// each unit or for several. A group takes ROWS rows of x and 64 * COLUMNS columns of y; a thread has COLUMNS of them, and makes their
// values once for all rows. x lies in shared memory, a phase of it at a time; all threads read it at one place.
// What would only change how x is read and y written is not compiled in, for the compiler takes seconds over many rows.
// c2: M, N, K, the part's first row; c3: its rows, columns of a scale, offset of the order, flags; weights.hlsli.
// instances: made with weights
#include "weights.hlsli"
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u2);
RWByteAddressBuffer bias : register(u3);

static const bool has_bias = c3.w & 1;
static const bool rounded = c3.w & 2;  // x, to steps of a 127th of the largest of 32 values
static const uint type = c3.w >> 2;    // of x and y

#define THREADS 64
#define PHASE 256  // columns
groupshared float4 held[ROWS * PHASE / 4];
groupshared float totals[ROWS * COLUMNS * THREADS];  // a thread's own: a loop over registers would put them into memory

float x_at(uint m, uint k) { return load_float(x, starts0.x, m * c2.z + column_of(k), type); }

// ROWS rows from `first` on, columns from `begin` on; behind the last row comes the last again.
void hold(uint first, uint begin, uint thread) {
  const uint quads = min(PHASE, c2.z - begin) / 4;
  for (uint i = thread; i < ROWS * quads; i += THREADS) {
    const uint row = i / quads, k = begin + i % quads * 4, m = min(first + row, c2.x - 1);
    held[row * (PHASE / 4) + i % quads] = float4(x_at(m, k), x_at(m, k + 1), x_at(m, k + 2), x_at(m, k + 3));
  }
  GroupMemoryBarrierWithGroupSync();
  if (!rounded) return;
  const uint units = quads / 8;
  for (uint u = thread; u < ROWS * units; u += THREADS) {
    const uint at = u / units * (PHASE / 4) + u % units * 8;
    float4 most = 0;
    [loop] for (uint j = 0; j < 8; ++j) most = max(most, abs(held[at + j]));
    const float step = max(max(most.x, most.y), max(most.z, most.w)) / 127;
    [loop] for (uint l = 0; l < 8; ++l) held[at + l] = step > 0 ? round(held[at + l] / step) * step : 0;
  }
  GroupMemoryBarrierWithGroupSync();
}

// The levels of four places, from bit `from` of a word on, as they are or less ZERO.
int4 levels_of(uint word, uint from) {
#if LOW == 4 && ZERO == 8
  return (int4)(word << (28 - from) - uint4(0, 4, 8, 12)) >> 28;  // `word` has been turned into numbers with a sign
#elif LOW == 4
  return (int4)(word >> from + uint4(0, 4, 8, 12) & 15) - ZERO;
#else
  return (int4)(word >> uint4(0, 8, 16, 24) & 255) - ZERO;
#endif
}

// Places of a unit of 32 that stand in 16 bytes.
#define PLACES (128 / LOW)

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint first_column = group_index(group) * (THREADS * COLUMNS) + thread;
  uint n[COLUMNS];
  [unroll] for (uint c = 0; c < COLUMNS; ++c) n[c] = min(first_column + c * THREADS, c3.x - 1);
  for (uint first = group.z * ROWS; first < c2.x; first += 65535 * ROWS) {
    float sums[ROWS][COLUMNS];
    [unroll] for (uint r = 0; r < ROWS; ++r)
      [unroll] for (uint c = 0; c < COLUMNS; ++c) sums[r][c] = 0;
    for (uint begin = 0; begin < c2.z; begin += PHASE) {
      hold(first, begin, thread);
      const uint end = min(begin + PHASE, c2.z);
      [loop] for (uint k = begin; k < end; k += PLACES) {
        uint4 words[COLUMNS];
        float scale[COLUMNS], shift[COLUMNS];
        [unroll] for (uint c = 0; c < COLUMNS; ++c) {
          words[c] = w.Load4(low_plane(n[c]) + k * LOW / 8);
#if LOW == 4 && ZERO == 8
          words[c] ^= 0x88888888;
#endif
          const Affine affine = affine_at(n[c], k / c3.y);
          scale[c] = affine.scale;
          shift[c] = affine.offset - (affine.zero - ZERO) * affine.scale;
        }
        [loop] for (uint at = (k - begin) / 4; at < (k - begin + PLACES) / 4; at += 32 / LOW / 4) {
          [unroll] for (uint quad = 0; quad < 32 / LOW / 4; ++quad) {
            float4 values[COLUMNS];
            [unroll] for (uint c = 0; c < COLUMNS; ++c) {
              values[c] = levels_of(words[c].x, quad * 16) * scale[c];
#if SHIFT
              values[c] += shift[c];
#endif
            }
            [unroll] for (uint r = 0; r < ROWS; ++r) {
              const float4 four = held[r * (PHASE / 4) + at + quad];
              [unroll] for (uint c = 0; c < COLUMNS; ++c) sums[r][c] += dot(values[c], four);
            }
          }
          [unroll] for (uint c = 0; c < COLUMNS; ++c) words[c] = words[c].yzwx;
        }
      }
      GroupMemoryBarrierWithGroupSync();
    }
    [unroll] for (uint r = 0; r < ROWS; ++r)
      [unroll] for (uint c = 0; c < COLUMNS; ++c) totals[(r * COLUMNS + c) * THREADS + thread] = sums[r][c];
    [loop] for (uint i = 0; i < ROWS * COLUMNS; ++i) {
      const uint m = first + i / COLUMNS, column = first_column + i % COLUMNS * THREADS;
      if (m >= c2.x || column >= c3.x) continue;
      const uint at = c2.w + column;
      // `?:` reads both of its sides
      const float read = load_float(bias, starts0.w, has_bias ? at : 0, FLOAT32), added = has_bias ? read : 0;
      store_float(y, starts0.z, m * c2.y + at, type, totals[i * THREADS + thread] + added);
    }
  }
}
