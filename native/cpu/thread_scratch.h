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
  // Memory without a type; get() forgets what was there.
  struct Block {
    std::byte* get(size_t wanted) {
      if (wanted > bytes) grow(wanted);
      if (wanted > used) used = wanted;
      return memory.get();
    }
    void grow(size_t wanted);
    std::unique_ptr<std::byte[], Free> memory;
    size_t bytes = 0;
    size_t used = 0;  // at most, since the last sleep
  };
  Block blocks[2];                              // of the ISA's kernels
  Block shared[4];                              // of ops, for all threads: of the executor's thread alone
  std::vector<float> row;                       // a row that is widened
  std::vector<float> scores, widened, partial;  // of attention
  size_t counted = 0;                           // bytes that thread_scratch_bytes() knows of
  int idle = 0;                                 // sleeps since most of it was in use

  std::array<std::vector<float>*, 4> vectors() { return {&row, &scores, &widened, &partial}; }
  template <class F>
  void each_block(F&& f) {
    for (Block& block : blocks) f(block);
    for (Block& block : shared) f(block);
  }
};

ThreadScratch& thread_scratch();  // the calling thread's, made at its first call
void drop_thread_scratch();       // the last thing a thread of the pool does
void settle_thread_scratch();  // before a thread sleeps: what has long been far too large shrinks, and the rest is counted
size_t thread_scratch_bytes();  // of all threads, as of their last sleep

}  // namespace lophi::cpu
