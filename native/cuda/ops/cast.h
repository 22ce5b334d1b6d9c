// What the kernels of cast.cu take.
#pragma once

namespace lophi::cuda {

struct CastParams {
  const void* x;
  void* y;
  long long count;
  int from;  // dtype of x; that of y is the kernel's
};

}  // namespace lophi::cuda
