// What the kernels of quantize.cu and dequantize.cu take: the MatMulNBits layout.
#pragma once

namespace lophi::cuda {

struct QuantizeParams {
  const void* x;         // (rows, columns)
  unsigned char* b;      // (rows, blocks, block/2): element j of a block in byte j/2, low nibble first
  void* scales;          // (rows, blocks)
  unsigned char* zeros;  // (rows, ceil(blocks/2)): two blocks a byte
  long long rows, columns, block, blocks;
  int symmetric;
};

struct DequantizeParams {
  const unsigned char* b;
  const void* scales;
  const unsigned char* zeros;  // null: 8
  void* y;                     // (rows, columns)
  long long rows, columns, block, blocks;
};

}  // namespace lophi::cuda
