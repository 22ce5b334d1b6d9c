// Operands that are stretched along axes of size 1, for kernels and their hosts.
#pragma once

namespace lophi::cuda {

// Shape of the output, and the strides of N operands in it: 0 where one is stretched. Rank 0: all have the output's shape.
template <int N>
struct Broadcast {
  static constexpr int kMaxRank = 8;
  int rank;
  long long dims[kMaxRank], strides[N][kMaxRank];
};

}  // namespace lophi::cuda
