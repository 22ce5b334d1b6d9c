// Orders elements of a row without sorting it: numbers become keys that rise with them, and a block finds the place in the order of
// falling keys at which a running sum exceeds a bound. Amounts are integers, so that no order of additions changes a result.
#pragma once
#include "cuda/common.cuh"

// Largest first; NaN stands with -infinity, -0 with 0.
DEVICE unsigned key_of(float value) {
  const unsigned bits = float_to_bits(value == value ? value + 0.0f : -kInfinity);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
// Distinct: of equal values the first is the largest.
DEVICE u64 ranked(float value, i64 i) {
  return static_cast<u64>(key_of(value)) << 32 | (0xffffffffu - static_cast<unsigned>(i));
}
DEVICE i64 index_of(u64 key) { return static_cast<i64>(0xffffffffu - static_cast<unsigned>(key)); }

// join(join(..), ..) over all threads of a block of whole warps, the same in all of them.
template <class V, class F>
DEVICE V block_join(V value, F&& join) {
  SHARED(V, partial, 32);
  const int warps = static_cast<int>(blockDim.x / 32);
  for (int distance = 16; distance > 0; distance /= 2) value = join(value, __shfl_xor_sync(kAllLanes, value, distance));
  __syncthreads();
  if (lane_id() == 0) partial[warp_id()] = value;
  __syncthreads();
  value = partial[0];
  for (int warp = 1; warp < warps; ++warp) value = join(value, partial[warp]);
  return value;
}
template <class V>
DEVICE V block_total(V value) {
  return block_join(value, [](V a, V b) { return a + b; });
}
DEVICE u64 block_largest(u64 value) {
  return block_join(value, [](u64 a, u64 b) { return a < b ? b : a; });
}

struct Amount {
  u64 key, amount;
};
struct Place {
  u64 key, before;  // of the element, and the sum of what stands in front of it
};

// Where the running sum exceeds `target`, which must be below the sum of all. `at(i)`, i < count, has the key ranked(.., i).
// Eight bits of the key at a time.
template <class F>
DEVICE Place find_place(i64 count, u64 target, F&& at) {
  SHARED(u64, bins, 256);
  SHARED(u64, found, 2);  // the digit, and the sum in front of it
  u64 prefix = 0, mask = 0, before = 0;
  for (int shift = 56; shift >= 0; shift -= 8) {
    const u64 byte = static_cast<u64>(0xff) << shift;
    mask |= byte;
    if (shift < 32 && (count - 1) >> shift == 0) {  // no index reaches into it
      prefix |= byte;
      continue;
    }
    for (unsigned i = threadIdx.x; i < 256; i += blockDim.x) bins[i] = 0;
    __syncthreads();
    for (i64 i = threadIdx.x; i < count; i += blockDim.x) {
      const Amount element = at(i);
      if (element.amount && (element.key & (mask ^ byte)) == prefix)
        atomicAdd(bins + (element.key >> shift & 0xff), element.amount);
    }
    __syncthreads();
    if (warp_id() == 0) {  // eight digits a lane, the largest first
      const int first = 255 - 8 * lane_id();
      u64 own = 0;
      for (int i = 0; i < 8; ++i) own += bins[first - i];
      u64 sum = own;
      for (int distance = 1; distance < 32; distance *= 2) {
        const u64 other = __shfl_sync(kAllLanes, sum, lane_id() < distance ? 0 : lane_id() - distance);
        if (lane_id() >= distance) sum += other;
      }
      u64 ahead = before + sum - own;
      if (ahead <= target && target < before + sum) {
        int digit = first;
        for (; ahead + bins[digit] <= target; --digit) ahead += bins[digit];
        found[0] = static_cast<u64>(digit);
        found[1] = ahead;
      }
    }
    __syncthreads();
    prefix |= found[0] << shift;
    before = found[1];
  }
  return {prefix, before};
}
