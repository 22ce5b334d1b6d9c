// Products of float32 rows with weights of any format.
#pragma once
#include "cpu/isa_matmul.inl"
#if LOPHI_VEC != 128
#include "cpu/isa_panel.inl"
#include "cpu/isa_row256.inl"
#endif

namespace lophi::cpu {
namespace {

void matmul(const WeightRows& w, const float* x, int64_t ldx, float* y, int64_t ldy, int64_t m, int64_t n, int64_t k) {
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i) std::memset(y + i * ldy, 0, static_cast<size_t>(n) * sizeof(float));
    return;
  }
#if LOPHI_VEC != 128
  if (m >= kPanelRows && n >= kLanes) return matmul_panels(w, x, ldx, y, ldy, m, n, k);
  if (m == 1 && w.format > kLastDirect) {
    const int64_t whole = n / kRowColumns * kRowColumns;
    matmul_row(w, x, y, whole, k);
    return matmul_tiles(from_row(w, whole), x, ldx, y + whole, ldy, m, n - whole, k);
  }
#endif
  if (w.format > kLastDirect) return matmul_tiles(w, x, ldx, y, ldy, m, n, k);
  with_format<WeightFormat::kFloat32, kLastDirect>(w.format,
                                                   [&](auto f) { matmul_direct<f.value>(w, x, ldx, y, ldy, m, n, k); });
}

}  // namespace
}  // namespace lophi::cpu
