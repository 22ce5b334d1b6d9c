// What a kernel may use, for NVRTC (which has no headers of its own) and for the emulator in test/simt, which is plain C++.
#pragma once

#ifdef __CUDACC__

#define KERNEL(name) extern "C" __global__ void name
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

#else
#include "simt.h"
#endif
