// What the kernels of reduce.cu take.
#pragma once

namespace lophi::cuda {

// y (outer, inner) = one value of every line of x (outer, size, inner) along its middle axis
struct ReduceParams {
  const void* x;
  void* y;
  long long outer, size, inner;
};

}  // namespace lophi::cuda
