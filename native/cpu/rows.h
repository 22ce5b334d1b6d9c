// The two sides of a product with a weight: all rows of x as float32, and a float32 place for y.
#pragma once
#include "cpu/elements.h"

namespace lophi::cpu {

constexpr int kScratchX = 0, kScratchY = 1, kScratchInt8 = 2, kScratchOrdered = 3;  // slots of Context::scratch

inline const float* float_rows(Context& cpu, const View& x) {
  if (x.dtype == DType::kFloat32) return data_as<float>(x);
  const int64_t n = x.count();
  float* to = cpu.scratch<float>(static_cast<size_t>(n), kScratchX);
  cpu.pool.run(n, kGrain, [&](int64_t begin, int64_t end) {
    cpu.isa.to_float(x.dtype, data_of(x) + begin * 2, to + begin, end - begin);
  });
  return to;
}

inline float* float_place(Context& cpu, const View& y) {
  return y.dtype == DType::kFloat32 ? data_as<float>(y) : cpu.scratch<float>(static_cast<size_t>(y.count()), kScratchY);
}

inline void store_place(Context& cpu, const View& y, const float* place) {
  if (y.dtype == DType::kFloat32) return;
  cpu.pool.run(y.count(), kGrain, [&](int64_t begin, int64_t end) {
    cpu.isa.from_float(y.dtype, place + begin, data_of(y) + begin * 2, end - begin);
  });
}

}  // namespace lophi::cpu
