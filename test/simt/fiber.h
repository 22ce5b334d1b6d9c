// Stackful fibers: a switch of 16 instructions on x86-64, ucontext elsewhere.
#pragma once
#include <cstddef>
#include <memory>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace simt {

class Fiber {
 public:
  static constexpr size_t kStack = 64 << 10;
  // `body` must switch away as its last act and never return.
  void start(void (*body)());
  void resume();        // from the scheduler, until the fiber calls leave()
  static void leave();  // from inside a fiber, back to the scheduler

 private:
  std::unique_ptr<char[]> stack_;
#if defined(__x86_64__)
  void* sp_ = nullptr;
#else
  ucontext_t context_;
#endif
};

}  // namespace simt
