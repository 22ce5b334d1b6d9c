// Writes the keys and values of all rows to their slots. A group per head of keys or values, tokens by z; a thread makes words.
// instances: CACHE<float32 float16 bfloat16 int8> TYPE<float>
#include "attention.hlsli"
#include "elementary.hlsli"

#define THREADS 64
groupshared float largest[THREADS];

void check_rows(uint thread) {
  for (uint i = thread; i <= sequences; i += THREADS) {
    const int least = max(rows_at(i > 0 ? i - 1 : 0), 0), found = rows_at(i);
    if (found < (i > 0 ? least : 0) || found > (int)tokens)
      report(FAULT_ROW, FAULT_ROWS, i, found, tokens, i > 0 ? least : 0);
  }
}

#if CACHE == FLOAT32
#define PER_WORD 1
#elif CACHE == INT8
#define PER_WORD 4
#else
#define PER_WORD 2
#endif
#define EACH (32 / PER_WORD)  // bits

uint element_of(float value, float step) {
#if CACHE == FLOAT32
  return asuint(value);
#elif CACHE == FLOAT16
  return half_of(value);
#elif CACHE == BFLOAT16
  return bfloat_of(value);
#else
  return step > 0 ? (uint)(int)clamp(round(value / step), -127.0, 127.0) & 255 : 0;
#endif
}

// Elements [first, first + d) of a cache from those of qkv at `from`.
void put_head(RWByteAddressBuffer to, uint start, uint first, uint from, float step, uint thread) {
  const uint begin = start * 8 + first * EACH, end = begin + d * EACH;  // bits
  for (uint word = begin / 32 + thread; word < (end + 31) / 32; word += THREADS) {
    uint bits = 0, mask = 0;
    [unroll] for (uint e = 0; e < PER_WORD; ++e) {
      const uint at = word * 32 + e * EACH;
      if (at < begin || at >= end) continue;
      bits |= element_of(load_number(qkv, starts0.x, from + (at - begin) / EACH), step) << e * EACH % 32;
      mask |= (0xffffffffu >> (32 - EACH)) << e * EACH % 32;
    }
    if (mask == 0xffffffff)
      to.Store(word * 4, bits);
    else if (mask != 0)
      store_bits(to, word * 4, mask, bits);
  }
}

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint i = group_index(group);
  if (has_rows && i == 0 && group.z == 0) check_rows(thread);
  for (uint t = group.z; t < tokens; t += 65535) {
    const uint from = t * width + (heads + i) * d;
    float step = 0;
#if CACHE == INT8
    // bits of a float that is none or infinite are above those of all others
    float most = 0;
    for (uint k = thread; k < d; k += THREADS) most = asfloat(max(asuint(most), asuint(load_number(qkv, starts0.x, from + k)) & 0x7fffffff));
    largest[thread] = most;
    GroupMemoryBarrierWithGroupSync();
    for (uint half = THREADS / 2; half > 0; half /= 2) {
      if (thread < half) largest[thread] = asfloat(max(asuint(largest[thread]), asuint(largest[thread + half])));
      GroupMemoryBarrierWithGroupSync();
    }
    most = largest[0];
    GroupMemoryBarrierWithGroupSync();
    const bool finite = asuint(most) < 0x7f800000;
    step = finite ? quotient(most, 127) : 0;
#endif
    const int2 owner = owner_of(t);
    int slot = -1;
    if (owner.x >= 0)  // `&&` runs both of its sides
      if (check_position(owner, t)) slot = slot_of(owner.x, i % groups, position_of(t));
    if (slot >= 0 && i < groups) put_head(keys, starts0.y, slot * d, from, step, thread);
    if (slot >= 0 && i >= groups) put_head(values, starts0.z, slot * d, from, step, thread);
#if CACHE == INT8
    if (thread == 0 && slot >= 0) {
      const uint scale = finite ? asuint(step) : 0x7fc00000;
      if (i < groups)
        key_scales.Store(slot * 4, scale);
      else
        value_scales.Store(slot * 4, scale);
    }
#endif
  }
}
