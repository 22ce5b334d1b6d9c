// Sequences, pages and caches as the kernels of attention see them. Wrong data is reported and passed over.
#pragma once
#include "cuda/common.cuh"
#include "cuda/ops/attention.h"

// Elements of a cache; int8 ones have a scale per token and head.
struct Float32Cache {
  using Element = float;
};
struct Float16Cache {
  using Element = Half;
};
struct Bfloat16Cache {
  using Element = Bfloat;
};
struct Int8Cache {
  using Element = i8;
};

using lophi::cuda::AttentionParams;

// Operands, in the schema's order.
enum AttentionOperand { kPosition = 3, kPages, kRows };

// The sequence that a row belongs to, and its first row.
struct Owner {
  i64 sequence, begin;
};

// `sequence` is -1 for a row of none.
DEVICE Owner owner_of(const AttentionParams& p, i64 t) {
  if (!p.rows) return {t / p.rows_each, t / p.rows_each * p.rows_each};
  for (i64 b = 0; b < p.sequences; ++b)
    if (p.rows[b] <= t && t < p.rows[b + 1]) return {b, p.rows[b]};
  return {-1, 0};
}

// Whether the position of a row is above that of the row before it, and has a place in the pages.
DEVICE bool check_position(const AttentionParams& p, const Owner& owner, i64 t) {
  const int position = p.position[t];
  const i64 capacity = p.table_width * p.page;
  if (position < 0)
    report(p.faults, kNegative, kPosition, t, position, 0);
  else if (t > owner.begin && position <= p.position[t - 1])
    report(p.faults, kAscending, kPosition, t, position, p.position[t - 1]);
  else if (position >= capacity)
    report(p.faults, kCapacity, kPosition, t, position, capacity);
  else
    return true;
  return false;
}

// Where token j of a sequence lies for a group, counted in tokens; -1 where its page is none.
DEVICE i64 slot_of(const AttentionParams& p, i64 sequence, i64 group, i64 j) {
  const i64 at = sequence * p.table_width + j / p.page;
  const i64 page = p.table ? p.table[at] : at;
  if (page < 0 || page >= p.pages) {
    report(p.faults, kPage, kPages, at, static_cast<int>(page), p.pages, p.table_width);
    return -1;
  }
  return (page * p.groups + group) * p.page + j % p.page;
}
