// The host's side of broadcast.h.
#pragma once
#include <algorithm>
#include <array>

#include "core/strides.h"
#include "cuda/ops/broadcast.h"

namespace lophi::cuda {

template <int N>
Broadcast<N> stretched(const Shape& out, std::array<const View*, N> operands) {
  static_assert(Broadcast<N>::kMaxRank == kMaxRank);
  Broadcast<N> shape{};
  if (std::ranges::all_of(operands, [&](const View* operand) { return operand->shape == out; })) return shape;
  shape.rank = static_cast<int>(out.size());
  std::ranges::copy(out, shape.dims);
  for (size_t k = 0; k < N; ++k) std::ranges::copy(broadcast_strides(operands[k]->shape, out), shape.strides[k]);
  return shape;
}

}  // namespace lophi::cuda
