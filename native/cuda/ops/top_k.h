// What the kernels of top_k.cu take.
#pragma once

namespace lophi::cuda {

struct TopKParams {
  const void* x;             // (rows, columns)
  void* values;              // (rows, k)
  int* indices;              // (rows, k)
  unsigned long long* keys;  // (rows, k), scratch
  long long rows, columns, k;
};

}  // namespace lophi::cuda
