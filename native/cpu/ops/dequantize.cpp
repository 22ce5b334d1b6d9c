#include "cpu/int4.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void dequantize(Context& cpu, const Call& call) {
  const args::Dequantize x(call);
  const Int4Matrix w{x.b, x.scales, x.zeros, x.block_size};
  const int64_t k = x.columns;
  cpu.pool.run(x.y.dim(0), 1, [&](int64_t begin, int64_t end) {
    std::vector<float> buffer;
    for (int64_t row = begin; row < end; ++row) {
      float* to = float_target(x.y, row * k, k, buffer);
      dequantize_row(cpu.isa, w, row, k, to);
      store_row(cpu.isa, x.y, row * k, k, to);
    }
  });
}

}  // namespace lophi::cpu
