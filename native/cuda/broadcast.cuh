// Where the elements of stretched operands lie.
#pragma once
#include "cuda/common.cuh"
#include "cuda/ops/broadcast.h"

// Element i of the output comes from element at[k] of operand k.
template <int N>
DEVICE void locate(const lophi::cuda::Broadcast<N>& shape, i64 i, i64 (&at)[N]) {
  for (int k = 0; k < N; ++k) at[k] = shape.rank ? 0 : i;
  for (int axis = shape.rank - 1; axis >= 0; --axis) {
    const i64 place = i % shape.dims[axis];
    i /= shape.dims[axis];
    for (int k = 0; k < N; ++k) at[k] += place * shape.strides[k][axis];
  }
}
