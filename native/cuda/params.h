// Kernel parameters that host and device code share: plain structs of long long and int.
#pragma once

namespace lophi::cuda {

// How the elements of an output are found in two operands. An operand's stride is 0 where it is stretched.
struct Broadcast {
  static constexpr int kMaxRank = 16;
  int rank;  // 0: both operands have the output's shape
  long long dims[kMaxRank], a[kMaxRank], b[kMaxRank];
};

// y [m, n] = x [m, k] · w [n, k]ᵀ
struct LinearSize {
  long long m, n, k;
  int int8;  // x is rounded as int8 per 32 values
};

}  // namespace lophi::cuda
