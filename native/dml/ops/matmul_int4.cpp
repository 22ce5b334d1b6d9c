#include "dml/ops/table.h"

namespace lophi::dml {

void matmul_int4(Commands& commands, const Call& call) {
  const args::MatmulInt4 x(call);
  const int64_t k = x.a.dim(-1), n = x.b.dim(0), m = n ? x.y.count() / n : 0;
  const uint32_t constants[] = {static_cast<uint32_t>(m), static_cast<uint32_t>(n), static_cast<uint32_t>(k),
                                static_cast<uint32_t>(x.block_size)};
  const Operand operands[] = {read(x.a), read(x.b), read(x.scales), write(x.y), x.zeros ? read(*x.zeros) : Operand{}};
  commands.kernel(matmul_int4_shader(x.a.dtype, x.scales.dtype, x.zeros != nullptr), operands, constants,
                  static_cast<uint64_t>(n), static_cast<uint32_t>(m));
}

}  // namespace lophi::dml
