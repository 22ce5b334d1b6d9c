// The sum of a value over the threads of a group, the same in all of them, in an order that is fixed. A caller may call it again at once.
#define THREADS 256
groupshared float partial_sums[THREADS];

float group_sum(float value, uint thread) {
  GroupMemoryBarrierWithGroupSync();
  partial_sums[thread] = value;
  GroupMemoryBarrierWithGroupSync();
  for (uint half = THREADS / 2; half > 0; half /= 2) {
    if (thread < half) partial_sums[thread] += partial_sums[thread + half];
    GroupMemoryBarrierWithGroupSync();
  }
  return partial_sums[0];
}
