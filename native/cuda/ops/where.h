// What the kernels of where.cu take.
#pragma once
#include "cuda/ops/broadcast.h"

namespace lophi::cuda {

struct WhereParams {
  const unsigned char* condition;
  const void *a, *b;
  void* y;
  long long count;
  Broadcast<3> shape;  // of condition, a, b
};

}  // namespace lophi::cuda
