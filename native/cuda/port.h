// What a kernel may use, for NVRTC (which has no headers of its own) and for the emulator in test/simt, which is plain C++.
#pragma once

#ifdef __CUDACC__

#define KERNEL(name) extern "C" __global__ void name
// For blocks of kThreads of which kResident share a multiprocessor: that tells what registers they may have.
#define BOUNDED_KERNEL(name, type) extern "C" __global__ void __launch_bounds__(type::kThreads, type::kResident) name
// The parameter of a kernel, read where the driver put it.
#define PARAMS(...) const __grid_constant__ __VA_ARGS__
#define DEVICE __device__ __forceinline__
#define SHARED(type, name, count) __shared__ type name[count]
// What the launch asked for; one array in a kernel.
#define DYNAMIC_SHARED(type, name)                              \
  extern __shared__ __align__(16) unsigned char name##_bytes[]; \
  type* const name = reinterpret_cast<type*>(name##_bytes)

DEVICE float bits_to_float(unsigned bits) { return __uint_as_float(bits); }
DEVICE unsigned float_to_bits(float value) { return __float_as_uint(value); }
DEVICE float half_to_float(unsigned short bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
DEVICE unsigned short float_to_half(float value) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

// Rounded each, where the compiler would fuse a product with the sum behind it.
DEVICE double plain_product(double a, double b) { return __dmul_rn(a, b); }
DEVICE double plain_sum(double a, double b) { return __dadd_rn(a, b); }

// For a kernel that was launched while the one before it in the stream still runs: waits until that one and all before it are done and
// what they wrote is there; then lets the next one be launched. Launched otherwise, neither does anything.
DEVICE void wait_for_earlier_kernels() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
DEVICE void let_next_kernel_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Two float16 numbers, a in the low half.
DEVICE unsigned pack_halves(float a, float b) {
#if __CUDA_ARCH__ >= 800
  unsigned pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(b), "f"(a));
  return pair;
#else
  return float_to_half(a) | static_cast<unsigned>(float_to_half(b)) << 16;
#endif
}

// What other blocks have written before a fence of theirs and a counter that this block has seen.
DEVICE float load_fresh(const float* from) {
  float value;
  asm volatile("ld.global.cg.f32 %0, [%1];" : "=f"(value) : "l"(from) : "memory");
  return value;
}
DEVICE void memory_fence() { __threadfence(); }

// Brings 128 bytes that are read soon into the first cache.
DEVICE void prefetch(const void* from) { asm volatile("prefetch.global.L1 [%0];" ::"l"(from)); }

DEVICE uint2 load64(const void* from) { return *static_cast<const uint2*>(from); }
// 16 bytes at once.
DEVICE uint4 load128(const void* from) { return *static_cast<const uint4*>(from); }

// Weights: read once, past the first cache. Volatile, so that such a load stays where it is written, before a wait for what comes
// from other kernels; never for what a kernel writes.
DEVICE uint4 ldg_stream(const void* from) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from));
  return v;
}
DEVICE uint2 ldg_stream64(const void* from) {
  uint2 v;
  asm volatile("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(from));
  return v;
}
DEVICE unsigned ldg_stream32(const void* from) {
  unsigned v;
  asm volatile("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v) : "l"(from));
  return v;
}

DEVICE unsigned ldg_stream16(const void* from) {
  unsigned short v;
  asm volatile("ld.global.nc.L1::no_allocate.u16 %0, [%1];" : "=h"(v) : "l"(from));
  return v;
}
DEVICE unsigned ldg_stream8(const void* from) {
  unsigned v;
  asm volatile("ld.global.nc.L1::no_allocate.u8 %0, [%1];" : "=r"(v) : "l"(from));
  return v;
}

// Bit by bit f(a, b, c), with `table` = f(0xf0, 0xcc, 0xaa).
template <int table>
DEVICE unsigned lop3(unsigned a, unsigned b, unsigned c) {
  unsigned d;
  asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(d) : "r"(a), "r"(b), "r"(c), "n"(table));
  return d;
}
// Four bytes of b:a, chosen by the nibbles of `select`.
DEVICE unsigned prmt(unsigned a, unsigned b, unsigned select) {
  unsigned d;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(select));
  return d;
}

// c plus the sum of the products of signed bytes.
DEVICE int dp4a(unsigned a, unsigned b, int c) {
  int d;
  asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}

// Copies 16 bytes from global to shared memory, or zeros, behind the thread's back: they are there after cp_async_wait, for others
// after a barrier behind it.
DEVICE void cp_async16(void* shared, const void* global, bool valid = true) {
#if __CUDA_ARCH__ >= 800
  const unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(valid ? 16 : 0) : "memory");
#else
  *static_cast<uint4*>(shared) = valid ? *static_cast<const uint4*>(global) : make_uint4(0, 0, 0, 0);
#endif
}
// Ends a group of copies.
DEVICE void cp_async_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Waits until at most `groups` of the last groups are under way.
template <int groups>
DEVICE void cp_async_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
#endif
}

// Two 16-bit floats less two.
DEVICE unsigned half2_sub(unsigned a, unsigned b) {
  unsigned d;
  asm("sub.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
  return d;
}

// Four matrices of 8 rows of 16 bytes in shared memory: lane 8 i + r names row r of matrix i, and gets of each its own four bytes, those of
// row lane / 4 at lane % 4: the two words of b below, for two times 8 columns.
DEVICE uint4 ldmatrix4(const void* shared) {
  uint4 v;
  const unsigned from = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(from)
               : "memory");
  return v;
}

// The same turned: of each matrix the two elements of 16 bits in column lane / 4, rows 2 (lane % 4) and the next, the first one low.
DEVICE uint4 ldmatrix4_turned(const void* shared) {
  uint4 v;
  const unsigned from = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(from)
               : "memory");
  return v;
}

// Products of a warp, c += a · b, with lane = 4 g + t. Elements lie in registers from the lowest bits on.
//   16-bit floats, 16 x 8 by 16:  a[0], a[1]: rows g, g + 8, columns 2t and 2t + 1; a[2], a[3]: the same, columns + 8
//                                 b[0], b[1]: column g, rows 2t, 2t + 1, and those + 8
//   8-bit integers, 16 x 8 by 32: a[0], a[1]: rows g, g + 8, columns 4t to 4t + 3; a[2], a[3]: the same, columns + 16
//                                 b[0], b[1]: column g, rows 4t to 4t + 3, and those + 16
//   c[0], c[1]: row g, columns 2t, 2t + 1; c[2], c[3]: row g + 8
DEVICE void mma16816(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  for (int half = 0; half < 2; ++half)
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
#endif
}

DEVICE void mma16816_bf16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else  // sm_75 knows no bfloat16: lane by lane
  const int lane = static_cast<int>(threadIdx.x % 32), g = lane / 4, t = lane % 4;
  const auto low = [](unsigned pair) { return __uint_as_float(pair << 16); };
  const auto high = [](unsigned pair) { return __uint_as_float(pair & 0xffff0000u); };
#pragma unroll
  for (int half = 0; half < 2; ++half)
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const unsigned top = __shfl_sync(0xffffffffu, a[2 * half], 4 * g + k);
      const unsigned bottom = __shfl_sync(0xffffffffu, a[2 * half + 1], 4 * g + k);
      const unsigned even = __shfl_sync(0xffffffffu, b[half], 8 * t + k);
      const unsigned odd = __shfl_sync(0xffffffffu, b[half], 8 * t + 4 + k);
      c[0] += low(top) * low(even) + high(top) * high(even);
      c[1] += low(top) * low(odd) + high(top) * high(odd);
      c[2] += low(bottom) * low(even) + high(bottom) * high(even);
      c[3] += low(bottom) * low(odd) + high(bottom) * high(odd);
    }
#endif
}

// a of unsigned, b of signed bytes.
DEVICE void mma16832(int (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  for (int i = 0; i < 4; ++i)
    asm("mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"
        : "+r"(c[i % 2 * 2]), "+r"(c[i % 2 * 2 + 1])
        : "r"(a[i]), "r"(b[i / 2]));
#endif
}
// The same over 16 columns: a[0], a[1] and b.
DEVICE void mma16816_int8(int (&c)[4], const unsigned (&a)[2], unsigned b) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(b));
#else
  for (int i = 0; i < 2; ++i)
    asm("mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"
        : "+r"(c[2 * i]), "+r"(c[2 * i + 1])
        : "r"(a[i]), "r"(b));
#endif
}

#else
#include "simt.h"
#endif
