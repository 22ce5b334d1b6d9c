// Picks a token from each row of logits, in the order of test/ops/reference/sample.ts. A group per row. Nothing is sorted: probabilities are
// whole numbers, and the group finds the places where their running sum passes top k, top p and the random number.
// c2: rows, vocabulary, ids of a history.
// instances: TYPE<dtype>
#define THREADS 512
#include "elementary.hlsli"
#include "select.hlsli"
RWByteAddressBuffer logits : register(u0);     // (rows, vocabulary)
RWByteAddressBuffer params : register(u1);     // (rows, 8): temperature, top k, top p, min p; penalties: repeat, frequency, presence
RWByteAddressBuffer seeds : register(u2);      // (rows, 2)
RWByteAddressBuffer position : register(u3);   // (rows)
RWByteAddressBuffer histories : register(u4);  // (rows, window)
RWByteAddressBuffer ids : register(u5);        // (rows)
RWByteAddressBuffer logprob : register(u6);    // (rows)
RWByteAddressBuffer changed : register(u7);    // (rows, vocabulary), float32: logits less penalties

// operands
#define FAULT_LOGITS 0
#define FAULT_POSITION 3

static const uint vocabulary = c2.y, window = c2.z;

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"): the first word for counter (n, 0, 0, 0).
uint philox(uint2 key, uint n) {
  uint4 c = uint4(n, 0, 0, 0);
  [loop] for (uint round = 0; round < 10; ++round) {
    const uint2 a = product64(0xD2511F53, c.x), b = product64(0xCD9E8D57, c.z);
    c = uint4(b.y ^ c.y ^ key.x, b.x, a.y ^ c.w ^ key.y, a.x);
    key += uint2(0x9E3779B9, 0xBB67AE85);
  }
  return c.x;
}

bool repeats(float4 penalties) { return penalties.x != 0 && penalties.x != 1; }
bool penalizes(float4 penalties) { return repeats(penalties) || penalties.y != 0 || penalties.z != 0; }

float changed_at(uint row, uint i) { return asfloat(changed.Load((row * vocabulary + i) * 4)); }

// What one penalised logit becomes, by the first of its places in the history.
void penalize(uint row, float4 penalties, uint thread) {
  for (uint i = thread; i < window; i += THREADS) {
    const uint id = histories.Load((row * window + i) * 4);
    if (id >= vocabulary) continue;
    float count = 0;
    bool first = true;
    for (uint k = 0; k < window; ++k) {
      const bool same = histories.Load((row * window + k) * 4) == id;
      count += same ? 1 : 0;
      first = first && (k >= i || !same);
    }
    if (!first) continue;
    float logit = changed_at(row, id);
    if (repeats(penalties)) logit = logit > 0 ? logit / penalties.x : logit * penalties.x;
    logit -= count * penalties.y + penalties.z;
    changed.Store((row * vocabulary + id) * 4, is_nan(logit) ? 0xff800000 : asuint(logit));
  }
}

// Of softmax(changed / temperature): weights are whole numbers, `unit` of the likeliest, of which a row adds up to less than 2^63.
struct Weights {
  uint row;
  float top, temperature, unit;
  uint2 least;  // the last key that is kept
};
float share_of(Weights weights, float logit) { return exponential((logit - weights.top) / weights.temperature); }
uint2 weight_of(Weights weights, float logit, uint2 key) {
  return less64(key, weights.least) ? uint2(0, 0) : whole64(floor(share_of(weights, logit) * weights.unit + 0.5));
}

// Where the running sum of weights exceeds `target`, or, where `ones`, that of elements. It must be below the sum of all.
Search find_place(Weights weights, uint2 target, bool ones, uint thread) {
  Search search;
  search.prefix = search.mask = search.before = uint2(0, 0);
  [loop] for (uint step = 0; step < 8; ++step) {
    const uint shift = 56 - 8 * step;
    if (shift < 32 && vocabulary - 1 >> shift == 0) {  // no index reaches into it
      search.prefix |= byte_at(shift);
      search.mask |= byte_at(shift);
    } else {
      clear_bins(thread);
      for (uint i = thread; i < vocabulary; i += THREADS) {
        const float logit = changed_at(weights.row, i);
        const uint2 key = ranked(logit, i);
        if (all((key & search.mask) == search.prefix))
          count_amount(search, shift, key, ones ? uint2(1, 0) : weight_of(weights, logit, key));
      }
      search = next_digit(search, shift, target, thread);
    }
  }
  return search;
}

// Of what is at least so likely as `smallest` times the likeliest, which counts in any case.
uint2 total_of(Weights weights, float smallest, uint2 best, uint thread) {
  uint2 sum = uint2(0, 0);
  for (uint i = thread; i < vocabulary; i += THREADS) {
    const float logit = changed_at(weights.row, i);
    const uint2 key = ranked(logit, i);
    if (all(key == best) || share_of(weights, logit) >= smallest) sum = sum64(sum, weight_of(weights, logit, key));
  }
  return group_total(sum, thread);
}

// ceil(part * mass) - 1, at least 0, for a part below 1: 24 bits of it times three words, shifted.
uint2 reached_by(float part, uint2 mass) {
  const uint bits = asuint(part);
  if (part <= 0 || bits < 0x00800000) return uint2(0, 0);
  const uint shift = 150 - (bits >> 23), digits = (bits & 0x7fffff) | 0x800000;
  const uint2 low = product64(digits, mass.x), high = sum64(product64(digits, mass.y), uint2(low.y, 0));
  uint w0 = low.x, w1 = high.x, w2 = high.y;
  if ((w0 | w1 | w2) == 0) return uint2(0, 0);
  // less one
  if (w0 == 0) {
    if (w1 == 0) --w2;
    --w1;
  }
  --w0;
  if (shift >= 96) return uint2(0, 0);
  for (uint words = shift / 32; words > 0; --words) {
    w0 = w1;
    w1 = w2;
    w2 = 0;
  }
  const uint rest = shift % 32;
  if (rest == 0) return uint2(w0, w1);
  return uint2(w0 >> rest | w1 << (32 - rest), w1 >> rest | w2 << (32 - rest));
}

groupshared uint4 chosen[2];  // the row of params
groupshared int at;
groupshared float largest;

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint row = group_index(group), first = row * vocabulary;
  if (row >= c2.x) return;
  if (thread < 2) chosen[thread] = params.Load4(row * 32 + thread * 16);
  if (thread == 0) at = asint(position.Load(row * 4));
  GroupMemoryBarrierWithGroupSync();
  const float4 kept = asfloat(chosen[0]), penalties = asfloat(chosen[1]);
  const int where = at;
  GroupMemoryBarrierWithGroupSync();

  uint2 best = uint2(0, 0);
  uint no_numbers = 0;
  for (uint i = thread; i < vocabulary; i += THREADS) {
    const float logit = load_number(logits, starts0.x, first + i);
    no_numbers += is_nan(logit) ? 1 : 0;
    const uint2 key = ranked(logit, i);
    if (less64(best, key)) best = key;
    changed.Store((first + i) * 4, asuint(logit));
  }
  best = group_largest(best, thread);
  no_numbers = group_total(uint2(no_numbers, 0), thread).x;
  if (thread == 0) largest = load_number(logits, starts0.x, first + index_of(best));
  GroupMemoryBarrierWithGroupSync();
  const float top = largest;
  GroupMemoryBarrierWithGroupSync();
  if (where < 0 || no_numbers != 0 || (asuint(top) & 0x7fffffff) >= 0x7f800000) {
    if (thread == 0) {
      if (where < 0)
        report(FAULT_NEGATIVE, FAULT_POSITION, row, where, 0);
      else
        report(FAULT_FINITE, FAULT_LOGITS, row, no_numbers ? 0x7fc00000 : asint(top), 0);
      ids.Store(row * 4, 0);
      logprob.Store(row * 4, 0);
    }
    return;
  }
  Weights weights;
  weights.row = row;
  weights.top = top;
  weights.temperature = 1;
  weights.unit = asfloat((127 + (vocabulary >> 18 ? 62 - (firstbithigh(vocabulary) + 1) : 44)) << 23);
  weights.least = uint2(0, 0);
  uint2 sum = uint2(0, 0);
  for (uint j = thread; j < vocabulary; j += THREADS) {
    const float logit = load_number(logits, starts0.x, first + j);
    sum = sum64(sum, weight_of(weights, logit, ranked(logit, j)));
  }
  sum = group_total(sum, thread);

  AllMemoryBarrierWithGroupSync();
  if (penalizes(penalties)) {
    penalize(row, penalties, thread);
    AllMemoryBarrierWithGroupSync();
    best = uint2(0, 0);
    for (uint i = thread; i < vocabulary; i += THREADS) {
      const uint2 key = ranked(changed_at(row, i), i);
      if (less64(best, key)) best = key;
    }
    best = group_largest(best, thread);
  }
  uint id = index_of(best);
  if (kept.x > 0) {
    weights.top = changed_at(row, id);
    weights.temperature = kept.x;
    const uint random = philox(uint2(seeds.Load(row * 8), seeds.Load(row * 8 + 4)), (uint)where);
    uint2 mass = uint2(0, 0);
    [loop] for (uint turn = 0; turn < 3; ++turn) {  // top k, top p with min p, the random number
      bool bounded = true;
      uint2 target;
      if (turn == 0) {
        bounded = kept.y >= 1 && kept.y < (float)vocabulary;
        target = uint2((uint)kept.y - 1, 0);
      } else if (turn == 1) {
        bounded = kept.z < 1;
        const uint2 reached = reached_by(kept.z, mass);
        target = less64(reached, mass) ? reached : difference64(mass, uint2(1, 0));
      } else {
        target = sum64(product64(mass.y, random), uint2(product64(mass.x, random).y, 0));
      }
      if (bounded) {
        weights.least = find_place(weights, target, turn == 0, thread).prefix;
        id = index_of(weights.least);
      }
      if (turn == 0 || (turn == 1 && (bounded || kept.w > 0)))
        mass = total_of(weights, turn == 1 ? kept.w : 0, best, thread);
    }
  }
  AllMemoryBarrierWithGroupSync();  // the history has been read
  if (thread != 0) return;
  ids.Store(row * 4, id);
  const float total = float64(sum) / weights.unit;
  logprob.Store(row * 4, asuint(load_number(logits, starts0.x, first + id) - top - logarithm(total)));
  histories.Store((row * window + (uint)where % window) * 4, id);
}
