#include <cmath>

#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void rms_norm(Context& cpu, const Call& call) {
  const args::RmsNorm x(call);
  const int64_t c = x.x.dim(-1), rows = c ? x.x.count() / c : 0;
  std::vector<float> widened;
  const float* weight = float_row(cpu.isa, x.weight, 0, c, widened);
  cpu.pool.run(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, c)), [&](int64_t begin, int64_t end) {
    std::vector<float> in, out;
    for (int64_t row = begin; row < end; ++row) {
      const float* from = float_row(cpu.isa, x.x, row * c, c, in);
      float* to = float_target(x.y, row * c, c, out);
      const float mean = cpu.isa.sum_squares(from, c) / static_cast<float>(c);
      cpu.isa.scale_mul(from, 1.0f / std::sqrt(mean + static_cast<float>(x.epsilon)), weight, to, c);
      store_row(cpu.isa, x.y, row * c, c, to);
    }
  });
}

}  // namespace lophi::cpu
