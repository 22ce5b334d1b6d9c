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
enum AttentionOperand { kPosition = 3, kPages, kRows, kAngles = 10 };

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

// Splits of a row's keys meet in memory. A part is d sums of values, the largest score, in powers of two, and the sum of probabilities
// below it; the block that comes last has them all.
DEVICE bool comes_last(unsigned* counter, int parts) {
  SHARED(int, last, 1);
  memory_fence();
  __syncthreads();
  if (threadIdx.x == 0) {
    *last = atomicAdd(counter, 1u) == static_cast<unsigned>(parts) - 1;
    if (*last) *counter = 0;
  }
  __syncthreads();
  memory_fence();
  return *last;
}

// Element k of y from parts that lie `stride` floats apart.
DEVICE float merge_parts(const float* part, i64 stride, int parts, i64 d, i64 k) {
  float top = -kInfinity, sum = 0, value = 0;
  for (int i = 0; i < parts; ++i) top = fmaxf(top, load_fresh(part + i * stride + d));
  for (int i = 0; i < parts; ++i) {
    const float mine = load_fresh(part + i * stride + d);
    const float weight = mine == -kInfinity ? 0.0f : exp2f(mine - top);
    sum += weight * load_fresh(part + i * stride + d + 1);
    value += weight * load_fresh(part + i * stride + k);
  }
  return sum == 0 ? 0.0f : value / sum;
}
