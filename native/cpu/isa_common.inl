// Helpers of every isa_*.cpp. No function of the standard library is called but memcpy: see isa_tables.h.
#pragma once
#include <cstring>
#include <limits>

#include "cpu/isa_tables.h"

#if defined(_MSC_VER) && !defined(__clang__)
#define LOPHI_INLINE __forceinline
#define LOPHI_INLINE_LAMBDA
#define LOPHI_NO_INLINE __declspec(noinline)
#else
#define LOPHI_INLINE inline __attribute__((always_inline))
#define LOPHI_INLINE_LAMBDA __attribute__((always_inline))
#define LOPHI_NO_INLINE __attribute__((noinline))
#endif

namespace lophi::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Parts of a row: a whole vector, or its first `count` lanes (0 < count < kLanes).
struct Full {};
struct Tail {
  int64_t count;
};

// A number that a template needs at compile time.
template <int N>
struct Count {
  static constexpr int value = N;
};

// Calls body with the Count of n, 1 <= n <= Max.
template <int Max, class Body>
LOPHI_INLINE void with_count(int64_t n, Body body) {
  if constexpr (Max > 1) {
    if (n < Max) return with_count<Max - 1>(n, body);
  }
  body(Count<Max>{});
}

template <class T>
LOPHI_INLINE T smaller(T a, T b) {
  return b < a ? b : a;
}

template <class T>
LOPHI_INLINE T read(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
LOPHI_INLINE void write(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

}  // namespace
}  // namespace lophi::cpu
