// y = softmax(scale * q k^T) v over pages, for every dtype and size. A group per head and row, rows by z: threads take a key each, then elements
// of y each. Keys and values of the rows are in the cache already.
// instances: CACHE<float32 float16 bfloat16 int8> TYPE<float>
#include "attention.hlsli"
#include "elementary.hlsli"

#define THREADS 128  // and keys of a piece
#define OWN 2        // elements of y that a thread has at once
#define PART (THREADS * OWN)
groupshared float query[PART];  // what fits of it
groupshared float scores[THREADS], tops[16], sums[16];
groupshared int slots[THREADS];
groupshared int2 range;  // of keys: the first, and behind the last

// Element i of a tensor of CACHE; four of them from a multiple of four on.
float cached(RWByteAddressBuffer from, uint start, uint i) {
#if CACHE == INT8
  return (int)(load_byte(from, start + i) << 24) >> 24;
#else
  return load_float(from, start, i, CACHE);
#endif
}
float4 cached4(RWByteAddressBuffer from, uint i) {
#if CACHE == FLOAT32
  return asfloat(from.Load4(i * 4));
#elif CACHE == INT8
  const uint four = from.Load(i);
  return float4((int)(four << 24) >> 24, (int)(four << 16) >> 24, (int)(four << 8) >> 24, (int)four >> 24);
#else
  const uint2 two = from.Load2(i * 2);
#if CACHE == FLOAT16
  return float4(f16tof32(two.x), f16tof32(two.x >> 16), f16tof32(two.y), f16tof32(two.y >> 16));
#else
  return asfloat(uint4(two.x << 16, two.x & 0xffff0000, two.y << 16, two.y & 0xffff0000));
#endif
#endif
}

float score_of(int slot, uint from) {
  const uint at = slot * d;
  float sum = 0;
  uint i = 0;
  if (d % 4 == 0 && d <= PART && starts0.y == 0)
    for (; i < d; i += 4)
      sum += dot(float4(query[i], query[i + 1], query[i + 2], query[i + 3]), cached4(keys, at + i));
  for (; i < d; ++i) sum += load_number(qkv, starts0.x, from + i) * cached(keys, starts0.y, at + i);
#if CACHE == INT8
  sum *= asfloat(key_scales.Load(slot * 4));
#endif
  return sum * asfloat(c5.x);
}

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint head = group_index(group), kv = head / (heads / groups);
  for (uint t = group.z; t < tokens; t += 65535) {
    const uint from = t * width + head * d;
    const int2 owner = owner_of(t);
    if (thread == 0) {
      range = int2(0, 0);
      if (owner.x >= 0)  // `&&` runs both of its sides
        if (check_position(owner, t)) {
          const int last = position_of(t);
          range = int2(window && last >= (int)window ? last - (int)window + 1 : 0, last + 1);
        }
    }
    for (uint q = thread; q < min(d, PART); q += THREADS) query[q] = load_number(qkv, starts0.x, from + q);
    GroupMemoryBarrierWithGroupSync();
    const int begin = range.x, end = range.y;
    GroupMemoryBarrierWithGroupSync();
    for (uint first = 0; first < d; first += PART) {
      float top = -infinity(), sum = 0, own[OWN];
      [unroll] for (uint e = 0; e < OWN; ++e) own[e] = 0;
      for (int j = begin; j < end; j += THREADS) {
        const int key = j + (int)thread;
        int slot = -1;
        if (key < end) slot = slot_of(owner.x, kv, key);
        float score = -infinity();
        if (slot >= 0) score = score_of(slot, from);
        slots[thread] = slot;
        scores[thread] = score;
        GroupMemoryBarrierWithGroupSync();
        if (thread < 16) {
          float most = scores[thread * 8];
          [unroll] for (uint n = 1; n < 8; ++n) most = max(most, scores[thread * 8 + n]);
          tops[thread] = most;
        }
        GroupMemoryBarrierWithGroupSync();
        float new_top = top;
        [unroll] for (uint n = 0; n < 16; ++n) new_top = max(new_top, tops[n]);
        const float base = new_top == -infinity() ? 0 : new_top;
        const float weight = exponential(score - base);
        float scaled = weight;
#if CACHE == INT8
        if (slot >= 0) scaled *= asfloat(value_scales.Load(slot * 4));
#endif
        const float kept = exponential(top - base);
        top = new_top;
        scores[thread] = slot >= 0 ? scaled : 0;
        GroupMemoryBarrierWithGroupSync();
        sum = sum * kept + (slot >= 0 ? weight : 0);
        [unroll] for (uint o = 0; o < OWN; ++o) {
          const uint i = first + thread + o * THREADS;
          float value = own[o] * kept;
          if (i < d)
            for (int n = 0; n < min(THREADS, end - j); ++n)
              if (slots[n] >= 0) value += scores[n] * cached(values, starts0.z, slots[n] * d + i);
          own[o] = value;
        }
        GroupMemoryBarrierWithGroupSync();
      }
      // the sums of all threads' weights
      scores[thread] = sum;
      GroupMemoryBarrierWithGroupSync();
      if (thread < 16) {
        float part = 0;
        [unroll] for (uint n = 0; n < 8; ++n) part += scores[thread * 8 + n];
        sums[thread] = part;
      }
      GroupMemoryBarrierWithGroupSync();
      float total = 0;
      [unroll] for (uint n = 0; n < 16; ++n) total += sums[n];
      [unroll] for (uint o = 0; o < OWN; ++o) {
        const uint i = first + thread + o * THREADS;
        if (i < d) store_one(y, starts0.w, (t * heads + head) * d + i, bits_of(total == 0 ? 0 : own[o] / total));
      }
      GroupMemoryBarrierWithGroupSync();
    }
  }
}
