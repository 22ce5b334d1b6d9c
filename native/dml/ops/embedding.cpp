#include "dml/ops/table.h"

namespace lophi::dml {

// A dispatch for each part of the table; without any, ids are reported all the same.
void embedding(Commands& commands, const Call& call) {
  const args::Embedding x(call);
  const auto& table = static_cast<const DmlWeight&>(x.table);
  const int64_t tokens = x.ids.count();
  const auto look_up = [&](const Operand& w, const Weight::Rows& rows, const DmlWeight::Part& part) {
    const Operand operands[] = {read(x.ids), w, write(x.y)};
    const std::vector<uint32_t> constants = part_constants(tokens, table, rows, part);
    const uint64_t groups = part.order ? groups_of(x.y.count(), 256) : groups_of_words(x.y);
    commands.kernel(part.shader(*commands.gpu().shaders, "embedding", {{"TYPE", static_cast<int>(x.y.dtype)}}),
                    operands, constants, groups, 1, &call);
  };
  if (table.stacked.empty()) {
    Weight::Rows none{};
    none.form.floats = true;
    look_up(read(x.ids), none, DmlWeight::Part(none.form, false));
  }
  for (size_t p = 0; p < table.stacked.size(); ++p)
    look_up({table.buffer, 0, table.device_bytes, false}, table.parts[p], table.stacked[p]);
}

}  // namespace lophi::dml
