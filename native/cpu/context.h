// What an op of the CPU backend works with.
#pragma once
#include <vector>

#include "core/backend.h"
#include "cpu/isa.h"
#include "cpu/memory.h"
#include "cpu/pool.h"
#include "cpu/weight.h"

namespace lophi::cpu {

// Memory that an op needs while it runs; grows and is kept. Used by the executor's thread only.
class Scratch {
 public:
  template <class T>
  T* get(size_t count, int slot = 0) {
    std::vector<std::byte>& block = blocks_[slot];
    if (block.size() < count * sizeof(T) + 64) block.resize(count * sizeof(T) + 64);
    const auto address = reinterpret_cast<uintptr_t>(block.data());
    return reinterpret_cast<T*>(block.data() + (64 - address % 64) % 64);
  }

 private:
  std::vector<std::byte> blocks_[4];
};

struct Context {
  Pool& pool;
  const Isa& isa;
  Scratch& scratch;
};

using OpFunction = void (*)(Context&, const Call&);

}  // namespace lophi::cpu
