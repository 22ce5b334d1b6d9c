// Elements of any dtype as so many bits, for ops that move them and compute nothing.
#pragma once
#include "cuda/common.cuh"

struct Bits4 {
  using Unit = u8;  // two elements, low nibble first
};
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
