// Orders elements of a row without sorting it: numbers become keys that rise with them, and a group finds the place in the order of falling
// keys at which a running sum exceeds a bound. Amounts are whole numbers, so that no order of additions changes a result. Whole numbers of 64
// bits are uint2, the low word first. THREADS: of the group.
uint2 sum64(uint2 a, uint2 b) {
  const uint low = a.x + b.x;
  return uint2(low, a.y + b.y + (low < a.x ? 1 : 0));
}
uint2 difference64(uint2 a, uint2 b) { return uint2(a.x - b.x, a.y - b.y - (a.x < b.x ? 1 : 0)); }
bool less64(uint2 a, uint2 b) { return a.y < b.y || (a.y == b.y && a.x < b.x); }
uint2 product64(uint a, uint b) {
  const uint low = (a & 0xffff) * (b & 0xffff), middle = (a >> 16) * (b & 0xffff) + (low >> 16);
  const uint other = (a & 0xffff) * (b >> 16) + (middle & 0xffff);
  return uint2(a * b, (a >> 16) * (b >> 16) + (middle >> 16) + (other >> 16));
}
// A float that is no fraction, below 2^63.
uint2 whole64(float value) {
  const uint high = (uint)(value * (1.0 / 4294967296.0));
  return uint2((uint)(value - high * 4294967296.0), high);
}
float float64(uint2 value) { return value.y * 4294967296.0 + value.x; }

// Largest first; NaN stands with -infinity, -0 with 0.
uint key_of(float value) {
  uint bits = is_nan(value) ? 0xff800000 : asuint(value);
  if (bits == 0x80000000) bits = 0;
  return bits >> 31 ? ~bits : bits | 0x80000000;
}
// Distinct: of equal values the first is the largest.
uint2 ranked(float value, uint i) { return uint2(~i, key_of(value)); }
uint index_of(uint2 key) { return ~key.x; }

groupshared uint2 partial[THREADS];
uint2 group_largest(uint2 value, uint thread) {
  partial[thread] = value;
  GroupMemoryBarrierWithGroupSync();
  [loop] for (uint half = THREADS / 2; half > 0; half /= 2) {
    if (thread < half && less64(partial[thread], partial[thread + half])) partial[thread] = partial[thread + half];
    GroupMemoryBarrierWithGroupSync();
  }
  const uint2 result = partial[0];
  GroupMemoryBarrierWithGroupSync();
  return result;
}
uint2 group_total(uint2 value, uint thread) {
  partial[thread] = value;
  GroupMemoryBarrierWithGroupSync();
  [loop] for (uint half = THREADS / 2; half > 0; half /= 2) {
    if (thread < half) partial[thread] = sum64(partial[thread], partial[thread + half]);
    GroupMemoryBarrierWithGroupSync();
  }
  const uint2 result = partial[0];
  GroupMemoryBarrierWithGroupSync();
  return result;
}

// Digits of keys: eight bits each, the largest first, and what has been found of the key that is looked for.
struct Search {
  uint2 prefix, mask, before;
};
groupshared uint bins_low[256], bins_high[256];
groupshared uint2 sixteens[16];
groupshared uint2 digit_found[2];

void clear_bins(uint thread) {
  for (uint i = thread; i < 256; i += THREADS) bins_low[i] = bins_high[i] = 0;
  GroupMemoryBarrierWithGroupSync();
}
uint digit_of(uint2 key, uint shift) { return (shift < 32 ? key.x >> shift : key.y >> (shift - 32)) & 255; }
uint2 byte_at(uint shift) { return shift < 32 ? uint2(255u << shift, 0) : uint2(0, 255u << (shift - 32)); }

// Counts an element into the bin of its digit, if all digits before are those that were found.
void count_amount(Search search, uint shift, uint2 key, uint2 amount) {
  if (any((key & search.mask) != search.prefix) || all(amount == 0)) return;
  const uint digit = digit_of(key, shift);
  uint before;
  InterlockedAdd(bins_low[digit], amount.x, before);
  InterlockedAdd(bins_high[digit], amount.y + (before + amount.x < before ? 1 : 0));
}

// The digit at which the running sum exceeds `target`.
Search next_digit(Search search, uint shift, uint2 target, uint thread) {
  GroupMemoryBarrierWithGroupSync();
  if (thread < 16) {
    uint2 sum = uint2(0, 0);
    [loop] for (uint i = 0; i < 16; ++i) sum = sum64(sum, uint2(bins_low[thread * 16 + i], bins_high[thread * 16 + i]));
    sixteens[thread] = sum;
  }
  GroupMemoryBarrierWithGroupSync();
  if (thread == 0) {
    uint2 ahead = search.before;
    int sixteen = 15;
    [loop] for (; sixteen > 0 && !less64(target, sum64(ahead, sixteens[sixteen])); --sixteen)
      ahead = sum64(ahead, sixteens[sixteen]);
    int digit = sixteen * 16 + 15;
    [loop] for (; digit > sixteen * 16; --digit) {
      const uint2 next = sum64(ahead, uint2(bins_low[digit], bins_high[digit]));
      if (less64(target, next)) break;
      ahead = next;
    }
    digit_found[0] = uint2(digit, 0);
    digit_found[1] = ahead;
  }
  GroupMemoryBarrierWithGroupSync();
  const uint digit = digit_found[0].x;
  search.before = digit_found[1];
  GroupMemoryBarrierWithGroupSync();
  search.mask |= byte_at(shift);
  search.prefix |= shift < 32 ? uint2(digit << shift, 0) : uint2(0, digit << (shift - 32));
  return search;
}
