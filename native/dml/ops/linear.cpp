#include "dml/ops/table.h"

namespace lophi::dml {

// A dispatch for each part of w. What a part's form fixes is compiled in.
void linear(Commands& commands, const Call& call) {
  const args::Linear x(call);
  const auto& w = static_cast<const DmlWeight&>(x.w);
  const int64_t m = w.rows ? x.y.count() / w.rows : 0;
  for (size_t p = 0; p < w.stacked.size(); ++p) {
    const Weight::Rows& rows = w.parts[p];
    const DmlWeight::Part& part = w.stacked[p];
    const auto word = [](int64_t value) { return static_cast<uint32_t>(value); };
    std::vector<uint32_t> constants = {word(m),          word(w.rows),          word(w.columns), word(rows.first),
                                       word(rows.count), word(rows.form.group), part.order,      x.bias ? 1u : 0u};
    constants.insert(constants.end(), part.offset.begin(), part.offset.end());
    constants.insert(constants.end(), part.stride.begin(), part.stride.end());
    const Operand weight{w.buffer, 0, w.device_bytes, false};
    // bias is bound always: the shader's compiler may read ahead of a branch
    const Operand operands[] = {read(x.x), weight, write(x.y), read(x.bias ? *x.bias : x.x)};
    commands.kernel(part.shaders[static_cast<size_t>(x.x.dtype)], operands, constants,
                    static_cast<uint64_t>(rows.count), word(m));
  }
}

}  // namespace lophi::dml
