// Elements of any dtype as so many bits, for ops that move them and compute nothing.
#pragma once
#include "cuda/common.cuh"

struct Bits4 {};  // two a byte, low nibble first
struct Bits8 {
  using Unit = u8;
};
struct Bits16 {
  using Unit = u16;
};
struct Bits32 {
  using Unit = unsigned;
};
// As many elements as 16 bytes hold.
struct Bits128 {
  using Unit = uint4;
};

DEVICE int nibble_at(const void* data, i64 i) { return static_cast<const u8*>(data)[i / 2] >> i % 2 * 4 & 15; }

// Element i of y is nibble(i), for i < count. A thread per byte, stepping by the grid.
template <class F>
DEVICE void each_nibble(void* y, i64 count, F nibble) {
  for (i64 i = 2 * thread_of_grid(); i < count; i += 2 * threads_of_grid())
    static_cast<u8*>(y)[i / 2] = static_cast<u8>(nibble(i) | (i + 1 < count ? nibble(i + 1) << 4 : 0));
}

// y[i] = x[source(i)] for i < count; zeros where source(i) is negative. A thread per unit, stepping by the grid.
template <class B, class F>
DEVICE void move(B, void* y, const void* x, i64 count, F source) {
  using Unit = typename B::Unit;
  for (i64 i = thread_of_grid(); i < count; i += threads_of_grid()) {
    const i64 at = source(i);
    static_cast<Unit*>(y)[i] = at >= 0 ? static_cast<const Unit*>(x)[at] : Unit{};
  }
}
template <class F>
DEVICE void move(Bits4, void* y, const void* x, i64 count, F source) {
  each_nibble(y, count, [&](i64 i) {
    const i64 at = source(i);
    return at >= 0 ? nibble_at(x, at) : 0;
  });
}
