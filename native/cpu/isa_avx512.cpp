// AVX-512 F, BW, VL and DQ without VNNI: Intel Skylake-X.
#include "cpu/isa_tables.h"

#if defined(__x86_64__) || defined(_M_X64)

#define LOPHI_VEC 512
#include "cpu/isa_table.inl"

const lophi::cpu::Isa* lophi::cpu::isa_avx512() {
  static constexpr Isa kTable = table_of("avx512");
  return &kTable;
}

#else

const lophi::cpu::Isa* lophi::cpu::isa_avx512() { return nullptr; }

#endif
