// AVX2 with FMA and F16C: Intel since Haswell, AMD since Zen.
#include "cpu/isa_common.inl"

#if defined(__x86_64__) || defined(_M_X64)

// clang-format off: each builds on those before it
#include "cpu/isa_vec256.inl"
#include "cpu/isa_rows.inl"
#include "cpu/isa_weights.inl"
#include "cpu/isa_accumulate.inl"
#include "cpu/isa_matmul.inl"
#include "cpu/isa_panel.inl"
#include "cpu/isa_units.inl"
#include "cpu/isa_block256.inl"
#include "cpu/isa_quantize.inl"
#include "cpu/isa_formats256.inl"
#include "cpu/isa_madd.inl"
#include "cpu/isa_matmul_int8.inl"
#include "cpu/isa_panel_int8.inl"
#include "cpu/isa_widen.inl"
#include "cpu/isa_table.inl"
// clang-format on

const lophi::cpu::Isa* lophi::cpu::isa_avx2() {
  static constexpr Isa kTable = table_of("avx2");
  return &kTable;
}

#else

const lophi::cpu::Isa* lophi::cpu::isa_avx2() { return nullptr; }

#endif
