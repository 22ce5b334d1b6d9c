#include "dml/ops/table.h"

namespace lophi::dml {

void gather(Commands& commands, const Call& call) {
  const args::Gather x(call);
  const auto axis = static_cast<size_t>(x.axis < 0 ? x.axis + static_cast<int64_t>(x.x.shape.size()) : x.axis);
  const int64_t inner = count_of(std::span(x.x.shape).subspan(axis + 1)), count = x.y.count();
  const uint32_t constants[] = {static_cast<uint32_t>(count), static_cast<uint32_t>(x.indices.count()),
                                static_cast<uint32_t>(x.x.shape[axis]), static_cast<uint32_t>(inner)};
  const Operand operands[] = {read(x.x), read(x.indices), write(x.y)};
  commands.kernel(gather_shader(x.x.dtype), operands, constants, groups_of(count, 256), 1, &call);
}

}  // namespace lophi::dml
