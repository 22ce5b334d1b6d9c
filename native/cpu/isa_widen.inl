// Products with formats that the float kernels do not read: some rows at a time become float32 first.
#pragma once
#include "cpu/isa_products.inl"
#include "cpu/isa_units.inl"

namespace lophi::cpu {
namespace {

constexpr int64_t kWidened = 16;  // rows

void matmul(const WeightRows& w, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t m, int64_t n, int64_t k) {
  if (is_direct(w.format) || k == 0) return matmul_direct(w, x, ldx, y, ldy, m, n, k);
  const size_t stride = static_cast<size_t>(k) * sizeof(float);
  std::byte* wide = scratch(Slot::kRows, kWidened * stride);
  for (int64_t j = 0; j < n; j += kWidened) {
    const int64_t rows = smaller(n - j, kWidened);
    for (int64_t r = 0; r < rows; ++r)
      dequantize(from_row(w, j + r), reinterpret_cast<float*>(wide + static_cast<size_t>(r) * stride), k);
    matmul_direct({WeightFormat::kFloat32, wide, stride}, x, ldx, y + j, ldy, m, rows, k);
  }
}

}  // namespace
}  // namespace lophi::cpu
