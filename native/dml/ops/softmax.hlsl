// y = e^(x - max) / sum of e^(x - max) along an axis, in float32. Reads x three times, bound by memory.
// instances: TYPE<dtype>
#include "elementary.hlsli"
#include "lines.hlsli"

float larger(float a, float b) { return a < b ? b : a; }
float sum_of(float a, float b) { return a + b; }

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

groupshared float partial[THREADS];

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const Line along = line_of(group, thread);
  const uint size = along.there ? c2.y : 0, lane = thread % c2.w;
  float top = -infinity();
  uint i;
  for (i = along.begin; i < size; i += along.shares)
    top = larger(top, load_number(x, starts0.x, along.first + i * along.step));
  partial[thread] = top;
  {JOIN_LANES(partial, larger)}
  top = partial[lane];
  GroupMemoryBarrierWithGroupSync();

  float sum = 0;
  for (i = along.begin; i < size; i += along.shares)
    sum += exponential(load_number(x, starts0.x, along.first + i * along.step) - top);
  partial[thread] = sum;
  {JOIN_LANES(partial, sum_of)}
  sum = partial[lane];

  for (i = along.begin; i < size; i += along.shares) {
    const uint at = along.first + i * along.step;
    store_one(y, starts0.y, at, bits_of(exponential(load_number(x, starts0.x, at) - top) / sum));
  }
}
