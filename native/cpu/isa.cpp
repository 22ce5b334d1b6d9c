#include "cpu/isa.h"

#include <memory>
#include <new>
#include <vector>

#include "core/env.h"
#include "core/error.h"
#include "cpu/cpuid.h"
#include "cpu/isa_tables.h"
#include "cpu/thread_scratch.h"

namespace lophi::cpu {
namespace {

#if defined(__x86_64__) || defined(_M_X64)

constexpr bool has(uint64_t value, uint64_t bits) { return (value & bits) == bits; }
constexpr uint64_t bit(int index) { return uint64_t{1} << index; }

std::vector<const Isa*> detect() {
  std::vector<const Isa*> tables{isa_scalar()};
  const Registers one = cpuid(1), seven = cpuid(7);
  const uint64_t saved = has(one.ecx, bit(27)) ? saved_registers() : 0;  // bit 27: xgetbv may be used
  constexpr uint64_t kYmm = bit(1) | bit(2), kZmm = kYmm | bit(5) | bit(6) | bit(7);
  // leaf 1 ecx: FMA 12, AVX 28, F16C 29; leaf 7 ebx: AVX2 5, AVX512 F 16, DQ 17, BW 30, VL 31; leaf 7 ecx: VNNI 11
  const bool avx2 = has(saved, kYmm) && has(one.ecx, bit(12) | bit(28) | bit(29)) && has(seven.ebx, bit(5));
  const bool avx512 = avx2 && has(saved, kZmm) && has(seven.ebx, bit(16) | bit(17) | bit(30) | bit(31));
  if (avx2) tables.push_back(isa_avx2());
  if (avx512) tables.push_back(isa_avx512());
  if (avx512 && has(seven.ecx, bit(11))) tables.push_back(isa_avx512vnni());
  return tables;
}

#else

std::vector<const Isa*> detect() { return {isa_scalar()}; }

#endif

}  // namespace

std::byte* scratch(Slot slot, size_t bytes) { return thread_scratch().blocks[static_cast<int>(slot)].get(bytes); }

std::span<const Isa* const> available_isas() {
  static const std::vector<const Isa*> tables = detect();
  return tables;
}

const Isa& select_isa(const std::string& name) {
  const std::span<const Isa* const> tables = available_isas();
  const std::string asked = name.empty() ? env::cpu_isa() : name;
  if (asked.empty()) return *tables.back();
  std::string names;
  for (const Isa* table : tables) {
    if (asked == table->name) return *table;
    names += (names.empty() ? "" : ", ") + std::string(table->name);
  }
  throw argument_error((name.empty() ? "LOPHI_CPU_ISA" : "isa") + std::string(": must be one of ") + names +
                       " on this processor, but is \"" + asked + "\"");
}

}  // namespace lophi::cpu
