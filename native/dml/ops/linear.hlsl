// y [M, N] = x [M, K] * w [N, K] transposed + bias [N], for the rows of one part of w. A group makes one element of y at a time: threads take
// spans of values, float32 sums. The plain version. INT8: x is rounded to steps of a 127th of the largest of 32 values.
// c2: M, N, K, the part's first row; c3: its rows, columns of a scale, offset of the order, 1: there is a bias; weights.hlsli.
// instances: made with weights
#include "weights.hlsli"
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u2);
RWByteAddressBuffer bias : register(u3);

#define THREADS 64
#define SPAN 16  // values that share a scale, in all formats
groupshared float sums[THREADS];

float x_at(uint m, uint k) { return load_number(x, starts0.x, m * c2.z + column_of(k)); }

float dot_span(uint n, uint m, uint first) {
  float sum = 0;
#if ROUNDED
  const uint begin = first / 32 * 32, past = min(begin + 32, c2.z);
  float most = 0;
  for (uint i = begin; i < past; ++i) most = max(most, abs(x_at(m, i)));
  const float step = most / 127;
#endif
  Affine affine = (Affine)0;
#if !FLOATS
  affine = affine_at(n, first / c3.y);
#endif
  const uint end = min(first + SPAN, c2.z);
  for (uint k = first; k < end; ++k) {
    float value = x_at(m, k);
#if ROUNDED
    value = step > 0 ? round(value / step) * step : 0;
#endif
    sum += value * weight_at(n, k, affine);
  }
  return sum;
}

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint n = group_index(group);
  if (n >= c3.x) return;
  for (uint m = group.z; m < c2.x; m += 65535) {
    float sum = 0;
    for (uint k = thread * SPAN; k < c2.z; k += THREADS * SPAN) sum += dot_span(n, m, k);
    sums[thread] = sum;
    GroupMemoryBarrierWithGroupSync();
    for (uint half = THREADS / 2; half > 0; half /= 2) {
      if (thread < half) sums[thread] += sums[thread + half];
      GroupMemoryBarrierWithGroupSync();
    }
    if (thread == 0) {
      const uint column = c2.w + n;
      // `?:` reads both of its sides
      const float first = load_float(bias, starts0.w, c3.w ? column : 0, FLOAT32), added = c3.w ? first : 0;
      store_one(y, starts0.z, m * c2.y + column, bits_of(sums[0] + added));
    }
    GroupMemoryBarrierWithGroupSync();
  }
}
