// What the kernels of matmul.cu take.
#pragma once

namespace lophi::cuda {

// y (m, n) = a (m, k) · b (k, n)
struct MatmulParams {
  const void *a, *b;
  void* y;
  long long m, n, k;
  int whole;  // k and n are multiples of 8, and a and b begin at multiples of 16 bytes
};

}  // namespace lophi::cuda
