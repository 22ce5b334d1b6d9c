// y [M, N] = x [M, K] * w [N, K] transposed; w in q4_0 as native/dml/weight.h lays it out. A group makes one element of y at a
// time: threads take blocks of 32 values, float32 sums. c2: M, N, K, offset of the scales. Bound by reading w.
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer w : register(u1);
RWByteAddressBuffer y : register(u2);

#define THREADS 64
groupshared float sums[THREADS];

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint n = group_index(group), blocks = c2.z / 32;
  if (n >= c2.y) return;
  for (uint m = group.z; m < c2.x; m += 65535) {
    float sum = 0;
    for (uint block = thread; block < blocks; block += THREADS) {
      const uint at = n * blocks + block, k = m * c2.z + block * 32;
      const uint4 nibbles = w.Load4(at * 16);
      float part = 0;
      // byte j holds values j and j + 16
      for (uint j = 0; j < 16; ++j) {
        const uint byte = nibbles[j / 4] >> j % 4 * 8;
        part += load_float(x, starts0.x, k + j, TYPE) * ((int)(byte & 15) - 8);
        part += load_float(x, starts0.x, k + j + 16, TYPE) * ((int)(byte >> 4 & 15) - 8);
      }
      sum += part * load_float(w, c2.w, at, FLOAT16);
    }
    sums[thread] = sum;
    GroupMemoryBarrierWithGroupSync();
    for (uint half = THREADS / 2; half > 0; half /= 2) {
      if (thread < half) sums[thread] += sums[thread + half];
      GroupMemoryBarrierWithGroupSync();
    }
    if (thread == 0) store_float(y, starts0.z, m * c2.y + n, TYPE, sums[0]);
    GroupMemoryBarrierWithGroupSync();
  }
}
