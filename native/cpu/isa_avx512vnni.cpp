// AVX-512 with VNNI: Intel since Cascade Lake, AMD since Zen 4.
#include "cpu/isa_tables.h"

#if defined(__x86_64__) || defined(_M_X64)

#define LOPHI_VEC 512
#define LOPHI_VNNI
#include "cpu/isa_table.inl"

const lophi::cpu::Isa* lophi::cpu::isa_avx512vnni() {
  static constexpr Isa kTable = table_of("avx512vnni");
  return &kTable;
}

#else

const lophi::cpu::Isa* lophi::cpu::isa_avx512vnni() { return nullptr; }

#endif
