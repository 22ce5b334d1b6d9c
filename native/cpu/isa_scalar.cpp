// The instruction set of any processor, and the plain version of every primitive.
#define LOPHI_VEC 128
#include "cpu/isa_table.inl"

const lophi::cpu::Isa* lophi::cpu::isa_scalar() {
  static constexpr Isa kTable = table_of("scalar");
  return &kTable;
}
