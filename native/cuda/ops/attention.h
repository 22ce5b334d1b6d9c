// What the kernels of attention.cu take.
#pragma once
#include "cuda/params.h"

namespace lophi::cuda {

// The names are those of core/attention.h.
struct AttentionParams {
  const void* qkv;                   // (tokens, width): rows of Q (heads x d) | K (groups x d) | V (groups x d)
  void *keys, *values;               // (pages, groups, page, d)
  const int* position;               // (tokens)
  const int* table;                  // (sequences, table_width), null: consecutive pages
  const int* rows;                   // (sequences + 1), null: rows_each of every sequence
  float *key_scales, *value_scales;  // (pages, groups, page), null unless the cache is int8
  void* y;                           // (tokens, heads * d)
  long long tokens, heads, groups, d, page, pages, width, window, sequences, table_width, rows_each;
  float scale;
  Faults faults;
};

struct AttentionSplitParams : AttentionParams {
  int splits;          // blocks that share the keys of a row, as far as there are enough
  float* partial;      // (tokens, heads, splits, d + 2), scratch
  unsigned* counters;  // (tokens, heads), zeros before and after
};

// The fast kernel, for float16 caches whose pages hold whole sixteens of tokens. A tile is 16 query rows of one sequence and group.
struct AttentionFlashParams : AttentionParams {
  int splits;          // blocks that share the keys of a tile, as far as there are enough
  int tile_rows;       // the most that a tile has
  int fresh;           // 1: keys and values of qkv are not in the cache yet
  float* partial;      // (tiles, groups, splits, tile_rows, d + 2), scratch
  unsigned* counters;  // (tiles, groups), zeros before and after
  // Queries and keys are turned by row angles[t] of the tables; null: they have been.
  const float *cos, *sin;  // (angle_rows, half)
  const int* angles;       // (tokens)
  long long angle_rows;
  int half;
};
constexpr int kFlashRows = 16, kFlashWarps = 4,
              kFlashStep = 16;  // of a tile; of a block; keys that a warp takes at once
// The most tokens of a call whose keys and values the kernel appends itself.
constexpr int kFreshTokens = 16;

}  // namespace lophi::cuda
