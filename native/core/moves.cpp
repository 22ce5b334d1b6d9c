#include "core/moves.h"

#include <algorithm>

#include "core/strides.h"

namespace lophi {

Unit::Unit(DType dtype, int widest, std::initializer_list<uint64_t> addresses) : width_(bits_of(dtype)) {
  for (bits_ = widest; bits_ > width_; bits_ = next())
    if (std::ranges::all_of(addresses,
                            [&](uint64_t address) { return address * 8 % static_cast<uint64_t>(bits_) == 0; }))
      return;
}

void Unit::narrow(std::initializer_list<int64_t> elements) {
  for (int64_t count : elements)
    while (bits_ > width_ && count * width_ % bits_) bits_ = next();
}

int Unit::next() const { return std::max(width_, bits_ == 128 ? 32 : bits_ / 2); }

std::vector<Move> moves(const Shape& x, std::span<const int64_t> permutation) {
  const std::vector<int64_t> strides = broadcast_strides(x, x);
  std::vector<Move> axes;
  for (int64_t axis : permutation) {
    const Move next{x[static_cast<size_t>(axis)], strides[static_cast<size_t>(axis)]};
    if (next.dim == 1) continue;
    if (!axes.empty() && axes.back().from == next.from * next.dim)
      axes.back() = {axes.back().dim * next.dim, next.from};
    else
      axes.push_back(next);
  }
  return axes;
}

}  // namespace lophi
