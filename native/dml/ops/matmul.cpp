#include "dml/ops/table.h"

namespace lophi::dml {

void matmul(Commands& commands, const Call& call) {
  const args::Matmul x(call);
  const int64_t k = x.b.dim(0), n = x.b.dim(1), m = n ? x.y.count() / n : 0;
  const uint32_t constants[] = {static_cast<uint32_t>(m), static_cast<uint32_t>(n), static_cast<uint32_t>(k)};
  const Operand operands[] = {read(x.a), read(x.b), write(x.y)};
  commands.kernel(matmul_shader(x.a.dtype), operands, constants, groups_of(m, 32) * groups_of(n, 32));
}

}  // namespace lophi::dml
