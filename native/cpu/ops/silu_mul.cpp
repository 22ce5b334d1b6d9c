#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void silu_mul(Context& cpu, const Call& call) {
  const args::SiluMul x(call);
  const int64_t width = x.y.dim(-1), rows = width ? x.y.count() / width : 0;
  // A decoded token is one row: split along it, in pieces of a cache line at least.
  constexpr int64_t kPiece = 1024;
  const int64_t pieces = (width + kPiece - 1) / kPiece;
  cpu.pool.run(rows * pieces, 4, [&](int64_t begin, int64_t end) {
    std::vector<float> g, u, out;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / pieces, first = i % pieces * kPiece, n = std::min(kPiece, width - first);
      const float* gate = float_row(cpu.isa, x.x, row * 2 * width + first, n, g);
      const float* up = float_row(cpu.isa, x.x, row * 2 * width + width + first, n, u);
      float* to = float_target(x.y, row * width + first, n, out);
      cpu.isa.silu_mul(gate, up, to, n);
      store_row(cpu.isa, x.y, row * width + first, n, to);
    }
  });
}

}  // namespace lophi::cpu
