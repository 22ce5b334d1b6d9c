// Memory that a thread keeps from op to op. Freed by drop_thread_scratch() at the thread's end and not by destructors of
// thread_local objects, which mingw runs after it has freed the objects themselves.
#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace lophi::cpu {

struct ThreadScratch {
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
  };
  struct Block {
    std::unique_ptr<std::byte[], Free> memory;
    size_t bytes = 0;
  };
  Block blocks[2];                              // of the ISA's kernels
  std::vector<float> row;                       // a row that is widened
  std::vector<float> scores, widened, partial;  // of attention
  size_t counted = 0;                           // bytes that thread_scratch_bytes() knows of
  int idle = 0;                                 // sleeps since most of it was in use

  std::array<std::vector<float>*, 4> vectors() { return {&row, &scores, &widened, &partial}; }
};

ThreadScratch& thread_scratch();  // the calling thread's, made at its first call
void drop_thread_scratch();       // the last thing a thread of the pool does
void settle_thread_scratch();  // before a thread sleeps: what has long been far too large shrinks, and the rest is counted
size_t thread_scratch_bytes();  // of all threads, as of their last sleep

}  // namespace lophi::cpu
