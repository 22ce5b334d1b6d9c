// What the kernels of layout.cu take. Counts and strides are units of so many bits as the kernel's name says.
#pragma once
#include "cuda/params.h"

namespace lophi::cuda {

// Runs of units that lie together: one tensor has them one behind the other, in the other run o starts at first + o * stride.
struct RunsParams {
  const void* x;
  void* y;
  long long count, run, first, stride;  // count: of all runs
};

// y (outer, indices, inner) = x (outer, size, inner) at the indices along its middle axis
struct GatherParams {
  const void* x;
  const int* indices;
  void* y;
  long long count, indices_count, size, inner;  // count: of y
  Faults faults;
};

// y = x with its axes in another order
struct TransposeParams {
  static constexpr int kMaxRank = 8;
  const void* x;
  void* y;
  long long count;
  int rank;
  long long dims[kMaxRank], strides[kMaxRank];  // of y's axes; strides in x
};

// The same where the last axes of x and y differ: for each of `count` places along the other axes a matrix of x (rows, columns) whose
// rows lie x_stride apart; in y its columns do, y_stride apart.
struct TransposeTilesParams {
  static constexpr int kMaxRank = 8;
  const void* x;
  void* y;
  long long rows, columns, x_stride, y_stride, count;
  int rank;
  long long dims[kMaxRank], x_strides[kMaxRank], y_strides[kMaxRank];
};

}  // namespace lophi::cuda
