#include "cpu/int4.h"
#include "cpu/ops/table.h"
#include "cpu/rows.h"

namespace lophi::cpu {

// Threads split the rows of b; a panel of them is widened once and used for every row of a.
void matmul_int4(Context& cpu, const Call& call) {
  const args::MatmulInt4 x(call);
  const int64_t k = x.a.dim(-1), n = x.b.dim(0), m = n ? x.y.count() / n : 0;
  const Int4Matrix w{x.b, x.scales, x.zeros, x.block_size};
  const float* a = float_rows(cpu, x.a);
  float* y = float_place(cpu, x.y);
  constexpr int64_t kPanel = 16;
  cpu.pool.run(n, kPanel, [&](int64_t begin, int64_t end) {
    std::vector<float> panel(static_cast<size_t>(kPanel * k));
    for (int64_t row = begin; row < end; row += kPanel) {
      const int64_t rows = std::min(kPanel, end - row);
      for (int64_t r = 0; r < rows; ++r) dequantize_row(cpu.isa, w, row + r, k, panel.data() + r * k);
      const auto* data = reinterpret_cast<const std::byte*>(panel.data());
      cpu.isa.matmul({WeightFormat::kFloat32, data, static_cast<size_t>(k) * sizeof(float)}, a, k, y + row, n, m, rows,
                     k);
    }
  });
  store_place(cpu, x.y, y);
}

}  // namespace lophi::cpu
