#include <cmath>

#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void add_rms_norm(Context& cpu, const Call& call) {
  const args::AddRmsNorm x(call);
  const int64_t c = x.x.dim(-1), rows = c ? x.x.count() / c : 0;
  std::vector<float> widened;
  const float* weight = float_row(cpu.isa, x.weight, 0, c, widened);
  cpu.pool.run(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, c)), [&](int64_t begin, int64_t end) {
    std::vector<float> a, b, s, out;
    for (int64_t row = begin; row < end; ++row) {
      float* sum = float_target(x.sum, row * c, c, s);
      float* to = float_target(x.y, row * c, c, out);
      cpu.isa.add(float_row(cpu.isa, x.x, row * c, c, a), float_row(cpu.isa, x.residual, row * c, c, b), sum, c);
      store_row(cpu.isa, x.sum, row * c, c, sum);
      // The norm sees the sum as stored, so that it equals add followed by rmsNorm in 16 bits too.
      if (x.sum.dtype != DType::kFloat32) cpu.isa.to_float(x.sum.dtype, data_of(x.sum) + row * c * 2, sum, c);
      const float mean = cpu.isa.sum_squares(sum, c) / static_cast<float>(c);
      cpu.isa.scale_mul(sum, 1.0f / std::sqrt(mean + static_cast<float>(x.epsilon)), weight, to, c);
      store_row(cpu.isa, x.y, row * c, c, to);
    }
  });
}

}  // namespace lophi::cpu
