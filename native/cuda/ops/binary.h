// What the kernels of binary.cu take.
#pragma once
#include "cuda/ops/broadcast.h"

namespace lophi::cuda {

struct BinaryParams {
  const void *a, *b;
  void* y;  // may be a
  long long count;
  Broadcast<2> shape;  // of a, b
};

}  // namespace lophi::cuda
