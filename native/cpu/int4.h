// The MatMulNBits layout of matmulInt4, quantize and dequantize.
#pragma once
#include "cpu/layout.h"

namespace lophi::cpu {

struct Int4Matrix {
  const View& b;       // uint8 [N, blocks, block/2]
  const View& scales;  // float [N, blocks]
  const View* zeros;   // uint8 [N, ceil(blocks/2)]; absent: 8
  int64_t block;
};

// Row n as k values of float32.
void dequantize_row(const Isa& isa, const Int4Matrix& w, int64_t n, int64_t k, float* to);

}  // namespace lophi::cpu
