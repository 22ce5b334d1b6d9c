#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

// Made for scripts: weights of a model go through linear. Threads split the rows of a.
void matmul(Context& cpu, const Call& call) {
  const args::Matmul x(call);
  const int64_t k = x.b.dim(0), n = x.b.dim(1), m = n ? x.y.count() / n : 0;
  std::vector<float> widened;
  const float* b = float_row(cpu.isa, x.b, 0, k * n, widened);
  cpu.pool.run(m, 4, [&](int64_t begin, int64_t end) {
    std::vector<float> in, out;
    const int64_t rows = end - begin;
    const float* a = float_row(cpu.isa, x.a, begin * k, rows * k, in);
    float* y = float_target(x.y, begin * n, rows * n, out);
    std::fill_n(y, rows * n, 0.0f);
    cpu.isa.accumulate(DType::kFloat32, b, a, k, y, n, rows, k, n);
    store_row(cpu.isa, x.y, begin * n, rows * n, y);
  });
}

}  // namespace lophi::cpu
