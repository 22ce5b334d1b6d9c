// The k largest values of each row and their places, largest first, equal ones by place. A group per row: it finds the k-th, gathers what is
// not behind it, and counts for each how many stand in front of it. c2: rows, columns, k.
// instances: TYPE<dtype>
#define THREADS 256

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer values : register(u1);
RWByteAddressBuffer indices : register(u2);
RWByteAddressBuffer keys : register(u3);  // (rows, k), 8 bytes each

groupshared uint bins[THREADS];
groupshared uint2 found;  // a digit, and how many stand in front of it
groupshared uint gathered;

// Rises with the number; NaN stands with -infinity, -0 with 0.
uint key_of(float value) {
  uint bits = asuint(value);
  if (is_nan(value)) bits = 0xff800000;
  if (bits == 0x80000000) bits = 0;
  return bits >> 31 ? ~bits : bits | 0x80000000;
}
// Distinct: of equal values the first is the largest. Compared by x, then by y.
uint2 ranked(uint row, uint i) { return uint2(key_of(load_number(x, starts0.x, row * c2.y + i)), ~i); }
bool above(uint2 a, uint2 b) { return a.x > b.x || (a.x == b.x && a.y > b.y); }

// The place of the k-th largest key: eight bits at a time.
uint2 find_last(uint row, uint thread) {
  uint2 prefix = 0, mask = 0;
  uint before = 0;
  for (int digit = 7; digit >= 0; --digit) {
    const uint shift = digit % 4 * 8;
    const uint2 bits = digit >= 4 ? uint2(255u << shift, 0) : uint2(0, 255u << shift);
    bins[thread] = 0;
    GroupMemoryBarrierWithGroupSync();
    for (uint i = thread; i < c2.y; i += THREADS) {
      const uint2 key = ranked(row, i);
      if (all((key & mask) == prefix)) InterlockedAdd(bins[(digit >= 4 ? key.x : key.y) >> shift & 255], 1u);
    }
    GroupMemoryBarrierWithGroupSync();
    // bins[d] becomes the count of keys whose digit is d or more
    for (uint distance = 1; distance < THREADS; distance *= 2) {
      const uint more = thread + distance < THREADS ? bins[min(thread + distance, THREADS - 1)] : 0;
      GroupMemoryBarrierWithGroupSync();
      bins[thread] += more;
      GroupMemoryBarrierWithGroupSync();
    }
    const uint ahead = thread + 1 < THREADS ? bins[min(thread + 1, THREADS - 1)] : 0;
    if (before + ahead < c2.z && c2.z <= before + bins[thread]) found = uint2(thread, before + ahead);
    GroupMemoryBarrierWithGroupSync();
    mask |= bits;
    prefix |= bits & (found.x << shift);
    before = found.y;
    GroupMemoryBarrierWithGroupSync();
  }
  return prefix;
}

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint row = group_index(group), k = c2.z, first = row * k;
  if (row >= c2.x) return;
  if (thread == 0) gathered = 0;
  const uint2 last = find_last(row, thread);
  uint i;
  for (i = thread; i < c2.y; i += THREADS) {
    const uint2 key = ranked(row, i);
    if (above(last, key)) continue;
    uint slot;
    InterlockedAdd(gathered, 1u, slot);
    keys.Store2((first + slot) * 8, key);
  }
  AllMemoryBarrierWithGroupSync();
  for (i = thread; i < k; i += THREADS) {
    const uint2 key = keys.Load2((first + i) * 8);
    uint place = first;
    for (uint other = 0; other < k; ++other) place += above(keys.Load2((first + other) * 8), key) ? 1 : 0;
    const uint index = ~key.y;
    store_one(values, starts0.y, place, load_bits(x, starts0.x, row * c2.y + index));
    indices.Store(place * 4, index);
  }
}
