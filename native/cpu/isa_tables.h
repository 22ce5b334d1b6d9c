// What the isa_*.cpp files share with isa.cpp. Everything else in them lies in anonymous namespaces: an inline function
// merged by the linker would bring its wider instructions to a processor without them.
#pragma once
#include <cstddef>

#include "cpu/isa.h"

namespace lophi::cpu {

// Null where the architecture that is compiled for lacks the instruction set.
const Isa* isa_scalar();
const Isa* isa_avx2();
const Isa* isa_avx512();
const Isa* isa_avx512vnni();

// Memory of the calling thread, aligned to 64 bytes and kept (cpu/thread_scratch.h); its contents last until the next call
// for the same slot.
enum class Slot { kPanel, kRow };
std::byte* scratch(Slot slot, size_t bytes);

}  // namespace lophi::cpu
