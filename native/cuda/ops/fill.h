// What the kernels of fill.cu take.
#pragma once

namespace lophi::cuda {

// y[i] = start + i * step
struct ArangeParams {
  void* y;
  long long count;
  double start, step;
};

}  // namespace lophi::cuda
