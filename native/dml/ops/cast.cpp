#include "dml/ops/table.h"

namespace lophi::dml {

void convert(Commands& commands, const View& from, const View& to) {
  const uint32_t constants[] = {static_cast<uint32_t>(to.count()), static_cast<uint32_t>(from.dtype)};
  const Operand operands[] = {read(from), write(to)};
  commands.kernel(cast_shader(to.dtype), operands, constants, groups_of_words(to));
}

void cast(Commands& commands, const Call& call) {
  const args::Cast x(call);
  convert(commands, x.x, x.y);
}

}  // namespace lophi::dml
