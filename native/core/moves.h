// How kernels of GPUs move elements without computing on them.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "core/call.h"

namespace lophi {

// What a kernel moves at once: the widest unit, of 4, 8, 16, 32 and up to `widest` bits, that divides every run, stride and offset of a call,
// and its addresses.
class Unit {
 public:
  Unit(DType dtype, int widest, std::initializer_list<uint64_t> addresses);
  // Counts of elements that must be whole units.
  void narrow(std::initializer_list<int64_t> elements);
  int64_t operator()(int64_t elements) const { return elements * width_ / bits_; }
  int bits() const { return bits_; }

 private:
  int next() const;
  int width_, bits_;  // of an element, of a unit
};

// An axis of the output, with its stride in x.
struct Move {
  int64_t dim, from;
};

// The axes of transpose(x), without those of size 1; neighbours that stay neighbours are one.
std::vector<Move> moves(const Shape& x, std::span<const int64_t> permutation);

}  // namespace lophi
