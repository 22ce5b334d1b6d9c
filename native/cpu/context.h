// What an op of the CPU backend works with.
#pragma once
#include <vector>

#include "core/backend.h"
#include "cpu/isa.h"
#include "cpu/memory.h"
#include "cpu/pool.h"
#include "cpu/thread_scratch.h"
#include "cpu/weight.h"

namespace lophi::cpu {

struct Context {
  Pool& pool;
  const Isa& isa;

  // Memory that an op needs while it runs, for all threads. Asked for by the executor's thread.
  template <class T>
  T* scratch(size_t count, int slot) {
    return reinterpret_cast<T*>(thread_scratch().shared[slot].get(count * sizeof(T) + 64));
  }
};

using OpFunction = void (*)(Context&, const Call&);

}  // namespace lophi::cpu
