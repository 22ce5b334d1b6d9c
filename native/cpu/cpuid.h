// What an x86 processor says of itself.
#pragma once
#include <cstdint>

#if defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

namespace lophi::cpu {

#if defined(__x86_64__) || defined(_M_X64)

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// Zeros when the processor has no such leaf.
inline Registers cpuid(uint32_t leaf) {
  Registers r;
#if defined(_MSC_VER)
  int values[4];
  __cpuid(values, static_cast<int>(leaf & 0x80000000));  // the last leaf of this range
  if (static_cast<uint32_t>(values[0]) < leaf) return r;
  __cpuidex(values, static_cast<int>(leaf), 0);
  r = {static_cast<uint32_t>(values[0]), static_cast<uint32_t>(values[1]), static_cast<uint32_t>(values[2]),
       static_cast<uint32_t>(values[3])};
#else
  __get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
  return r;
}

// The register files that the operating system saves when it switches threads (XCR0); leaf 1 says whether it may be asked.
inline uint64_t saved_registers() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
#endif
}

#endif

}  // namespace lophi::cpu
