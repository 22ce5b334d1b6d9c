// AVX2 with FMA and F16C: Intel since Haswell, AMD since Zen.
#include "cpu/isa_tables.h"

#if defined(__x86_64__) || defined(_M_X64)

#define LOPHI_VEC 256
#include "cpu/isa_table.inl"

const lophi::cpu::Isa* lophi::cpu::isa_avx2() {
  static constexpr Isa kTable = table_of("avx2");
  return &kTable;
}

#else

const lophi::cpu::Isa* lophi::cpu::isa_avx2() { return nullptr; }

#endif
