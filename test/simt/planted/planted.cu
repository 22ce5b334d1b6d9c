// Kernels for tests of the emulator: one that is right, and faults that it must find.
#include "cuda/common.cuh"

// y[i] = x[63 - i], each but the first handed on by the thread before: in forward order that hides a missing barrier.
template <bool barrier>
DEVICE void reverse(const int* x, int* y) {
  SHARED(int, held, 64);
  const int i = static_cast<int>(threadIdx.x);
  if (i < 63) held[i] = x[62 - i];
  if (barrier) __syncthreads();
  y[i] = i > 0 ? held[i - 1] : x[63];
}

KERNEL(reverse_64)(const int* x, int* y) { reverse<true>(x, y); }
KERNEL(missing_barrier)(const int* x, int* y) { reverse<false>(x, y); }

KERNEL(divergent_barrier)(const int* x, int* y) {
  if (threadIdx.x < 48) __syncthreads();
  y[threadIdx.x] = x[63 - threadIdx.x];
}

KERNEL(divergent_shuffle)(const int* x, int* y) {
  int value = x[threadIdx.x];
  if (threadIdx.x % 2) value = __shfl_xor_sync(kAllLanes, value, 1);
  y[threadIdx.x] = value;
}

KERNEL(misaligned_load)(const int* x, int* y) { y[threadIdx.x] = static_cast<int>(load128(x + 1).x); }

// Every warp primitive, with the result that the same indices give: y = x reversed.
KERNEL(warp_primitives)(const int* x, int* y) {
  const int lane = lane_id(), other_warp = 1 - warp_id();
  const int value = x[other_warp * 32 + lane];
  const int mirrored = __shfl_sync(kAllLanes, value, 31 - lane);
  const int by_xor = __shfl_xor_sync(kAllLanes, value, 31);
  const unsigned odd = __ballot_sync(kAllLanes, lane % 2);
  __syncwarp();
  const int down = __shfl_down_sync(kAllLanes, lane, 1);
  const bool right = by_xor == mirrored && odd == 0xaaaaaaaa && down == (lane < 31 ? lane + 1 : lane);
  y[threadIdx.x] = right ? mirrored : -1;
}

// As reverse_64, through memory that the launch asked for, which starts as 0xCD like all shared memory.
KERNEL(dynamic_memory)(const int* x, int* y) {
  DYNAMIC_SHARED(int, held);
  const int i = static_cast<int>(threadIdx.x);
  const bool poisoned = held[i] == static_cast<int>(0xcdcdcdcd);
  __syncthreads();
  held[63 - i] = x[i];
  __syncthreads();
  y[i] = poisoned ? held[i] : -1;
}
