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

}  // namespace lophi::cuda
