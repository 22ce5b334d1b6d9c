// y [M, N] = a [M, K] * dequantized b; b [N, blocks, block/2] low nibble first, scales [N, blocks], zeros [N, ceil(blocks/2)].
// A group makes one element of y at a time: threads take bytes of b, float32 sums. c2: M, N, K, block. Bound by reading b.
// instances: TYPE<dtype> SCALE_TYPE<float> ZEROS<0 1>
RWByteAddressBuffer a : register(u0);
RWByteAddressBuffer b : register(u1);
RWByteAddressBuffer scales : register(u2);
RWByteAddressBuffer y : register(u3);
RWByteAddressBuffer zeros : register(u4);

#define THREADS 64
groupshared float sums[THREADS];

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint n = group_index(group), k = c2.z, bytes = c2.w / 2, blocks = (k + c2.w - 1) / c2.w;
  if (n >= c2.y) return;
  for (uint m = group.z; m < c2.x; m += 65535) {
    float sum = 0;
    for (uint i = thread; i < blocks * bytes; i += THREADS) {
      const uint block = i / bytes, first = block * c2.w + i % bytes * 2;
      if (first >= k) continue;
      const uint pair = load_byte(b, starts0.y + n * blocks * bytes + i);
      const float scale = load_float(scales, starts0.z, n * blocks + block, SCALE_TYPE);
#if ZEROS
      const int zero = load_byte(zeros, starts1.x + n * ((blocks + 1) / 2) + block / 2) >> block % 2 * 4 & 15;
#else
      const int zero = 8;
#endif
      sum += load_float(a, starts0.x, m * k + first, TYPE) * (((int)(pair & 15) - zero) * scale);
      if (first + 1 < k) sum += load_float(a, starts0.x, m * k + first + 1, TYPE) * (((int)(pair >> 4) - zero) * scale);
    }
    sums[thread] = sum;
    GroupMemoryBarrierWithGroupSync();
    for (uint half = THREADS / 2; half > 0; half /= 2) {
      if (thread < half) sums[thread] += sums[thread + half];
      GroupMemoryBarrierWithGroupSync();
    }
    if (thread == 0) store_float(y, starts0.w, m * c2.y + n, TYPE, sums[0]);
    GroupMemoryBarrierWithGroupSync();
  }
}
