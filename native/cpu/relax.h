// Waiting for another thread without giving up the processor.
#pragma once
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace lophi::cpu {

inline void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// How long a thread looks for more work before it sleeps: the ops of a step follow each other within microseconds, and a sleeping
// thread takes some ten to wake. Longer spinning would take the processor from the JS thread.
constexpr int kSpins = 2000;

// Whether it came true meanwhile.
template <class F>
bool spin_until(F&& ready) {
  for (int spin = 0; spin < kSpins; ++spin, relax())
    if (ready()) return true;
  return false;
}

}  // namespace lophi::cpu
