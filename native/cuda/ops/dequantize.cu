// y = (q - zero) * scale. A thread per element, stepping by the grid; bound by memory.
#include "cuda/bits.cuh"
#include "cuda/ops/int4.h"

namespace {

template <class T>
struct Dequantize {
  using Params = lophi::cuda::DequantizeParams;
  DEVICE static void run(const Params& p) {
    for (i64 i = thread_of_grid(); i < p.rows * p.columns; i += threads_of_grid()) {
      const i64 row = i / p.columns, k = i % p.columns, in_row = k / p.block, group = row * p.blocks + in_row;
      const int q = nibble_at(p.b + group * (p.block / 2), k % p.block);
      const int zero = p.zeros ? nibble_at(p.zeros + row * ((p.blocks + 1) / 2), in_row) : 8;
      store(static_cast<T*>(p.y) + i, static_cast<float>(q - zero) * to_float(static_cast<const T*>(p.scales)[group]));
    }
  }
};

}  // namespace

// instances: Dequantize<dtype>
