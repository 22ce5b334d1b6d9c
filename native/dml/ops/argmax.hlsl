// The place of the first largest value along an axis. Bound by memory. Of a line that begins with NaN it is 0; others do not count.
// instances: TYPE<dtype>
#include "lines.hlsli"

struct Best {
  number value;
  uint at;
};
Best better(Best a, Best b) {
  if (a.value < b.value || (a.value == b.value && b.at < a.at)) return b;
  return a;
}

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

groupshared Best partial[THREADS];

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const Line along = line_of(group, thread);
  if (along.there) {
    Best best;
    best.value = load_number(x, starts0.x, along.first);
    best.at = 0;
    for (uint i = along.begin; i < c2.y; i += along.shares) {
      const number value = load_number(x, starts0.x, along.first + i * along.step);
      if (best.value < value) {
        best.value = value;
        best.at = i;
      }
    }
    partial[thread] = best;
  }
  JOIN_LANES(partial, better)
  if (along.there && thread < c2.w) y.Store(along.at * 4, partial[thread].at);
}
