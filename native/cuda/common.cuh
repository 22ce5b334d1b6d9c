// Element types and warp-wide sums. Device code includes this and nothing else.
#pragma once
#include "cuda/params.h"
#include "cuda/port.h"

// Every kernel begins so, before it reads or writes anything. One that has something to do before the kernels before it are done, such as
// loading weights, declares `static constexpr bool kBegins = true` and calls the two itself, on every path.
template <class Kernel>
DEVICE auto begin(int) -> decltype(static_cast<void>(Kernel::kBegins)) {}
template <class Kernel>
DEVICE void begin(long) {
  wait_for_earlier_kernels();
  let_next_kernel_begin();
}

using i64 = long long;
using u64 = unsigned long long;
using i8 = signed char;
using u8 = unsigned char;
using u16 = unsigned short;
constexpr unsigned kAllLanes = 0xffffffff;
#define kInfinity bits_to_float(0x7f800000)

// The numbers of core/dtype.h.
enum DType { kFloat32, kFloat16, kBfloat16, kInt8, kUint8, kInt4, kUint4, kInt32, kUint32 };

// 16-bit floats as stored; arithmetic happens in float.
struct Half {
  u16 bits;
};
struct Bfloat {
  u16 bits;
};

DEVICE float to_float(i8 value) { return static_cast<float>(value); }
DEVICE float to_float(float value) { return value; }
DEVICE float to_float(Half value) { return half_to_float(value.bits); }
DEVICE float to_float(Bfloat value) { return bits_to_float(static_cast<unsigned>(value.bits) << 16); }

DEVICE void store(float* to, float value) { *to = value; }
DEVICE void store(Half* to, float value) { to->bits = float_to_half(value); }
// Rounds to nearest even; a NaN stays one.
DEVICE void store(Bfloat* to, float value) {
  const unsigned bits = float_to_bits(value);
  to->bits = value == value ? static_cast<u16>((bits + 0x7fff + (bits >> 16 & 1)) >> 16) : static_cast<u16>(0x7fc0);
}

// The type that arithmetic on an element happens in: float or int.
template <class T>
DEVICE float arithmetic(T value) {
  return to_float(value);
}
DEVICE int arithmetic(int value) { return value; }
DEVICE void store(int* to, int value) { *to = value; }

// Element i of a float tensor of any dtype; for operands that are read once per row or block.
DEVICE float load(const void* data, int dtype, i64 i) {
  if (dtype == kFloat32) return static_cast<const float*>(data)[i];
  const u16 bits = static_cast<const u16*>(data)[i];
  return dtype == kFloat16 ? to_float(Half{bits}) : to_float(Bfloat{bits});
}

DEVICE void store_as(void* data, int dtype, i64 i, float value) {
  if (dtype == kFloat32) return store(static_cast<float*>(data) + i, value);
  if (dtype == kFloat16) return store(static_cast<Half*>(data) + i, value);
  store(static_cast<Bfloat*>(data) + i, value);
}

// Kinds of core/fault.h.
enum FaultKind { kIndex = 1, kNegative, kCapacity, kAscending, kFinite, kPage, kRow };

// Reports that an element of an operand (in the schema's order) is not what it must be. The first one counts; the caller goes on with
// something harmless, as nothing may be read outside of its operands.
DEVICE void report(const lophi::cuda::Faults& faults, FaultKind kind, int operand, i64 index, int value, i64 limit,
                   i64 more = 0) {
  unsigned* word = faults.word;
  if (atomicCAS(word, 0u, static_cast<unsigned>(kind + 256 * operand)) != 0) return;
  word[1] = faults.call;
  word[2] = static_cast<unsigned>(value);
  word[3] = static_cast<unsigned>(limit);
  word[4] = static_cast<unsigned>(index);
  word[5] = static_cast<unsigned>(more);
}

// A thread among all of a grid of blocks along x, for loops that step by the grid.
DEVICE i64 thread_of_grid() { return static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; }
DEVICE i64 threads_of_grid() { return static_cast<i64>(gridDim.x) * blockDim.x; }

DEVICE int lane_id() { return static_cast<int>(threadIdx.x % 32); }
DEVICE int warp_id() { return static_cast<int>(threadIdx.x / 32); }

// The same value in all lanes.
DEVICE float warp_sum(float value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}
DEVICE float warp_max(float value) {
  for (int distance = 16; distance > 0; distance /= 2)
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}

// The same value in all threads of a block of whole warps; a caller may call it again at once.
DEVICE float block_sum(float value) {
  SHARED(float, partial, 32);
  const int warps = static_cast<int>(blockDim.x / 32);
  value = warp_sum(value);
  __syncthreads();
  if (lane_id() == 0) partial[warp_id()] = value;
  __syncthreads();
  return warp_sum(lane_id() < warps ? partial[lane_id()] : 0.0f);
}
DEVICE float block_max(float value) {
  SHARED(float, partial, 32);
  const int warps = static_cast<int>(blockDim.x / 32);
  value = warp_max(value);
  __syncthreads();
  if (lane_id() == 0) partial[warp_id()] = value;
  __syncthreads();
  return warp_max(partial[lane_id() < warps ? lane_id() : 0]);
}
