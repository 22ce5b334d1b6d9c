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
    const Form& form = rows.form;
    const Macro macros[] = {{"TYPE", static_cast<int>(x.x.dtype)},
                            {"FLOATS", form.floats},
                            {"FLOAT_TYPE", static_cast<int>(form.type)},
                            {"LOW", form.levels.low},
                            {"HIGH", form.levels.high},
                            {"ZERO", form.zero},
                            {"CODEBOOK", form.codebook != nullptr},
                            {"SCALE_TYPE", static_cast<int>(form.scale_type)},
                            {"SUPER", form.super},
                            {"SCALE_LOW", form.scale_levels.low},
                            {"SCALE_HIGH", form.scale_levels.high},
                            {"SCALE_ZERO", form.scale_zero},
                            {"SHIFT", static_cast<int>(form.shift)},
                            {"SHIFT_LOW", form.shift_levels.low},
                            {"SHIFT_HIGH", form.shift_levels.high}};
    const auto word = [](int64_t value) { return static_cast<uint32_t>(value); };
    std::vector<uint32_t> constants = {word(m),          word(w.rows),     word(w.columns), word(rows.first),
                                       word(rows.count), word(form.group), part.order,      x.bias ? 1u : 0u};
    constants.insert(constants.end(), part.offset.begin(), part.offset.end());
    constants.insert(constants.end(), part.stride.begin(), part.stride.end());
    const Operand weight{w.buffer, 0, w.device_bytes, false};
    const Operand operands[] = {read(x.x), weight, write(x.y), x.bias ? read(*x.bias) : Operand{}};
    commands.kernel("linear", macros, operands, constants, static_cast<uint64_t>(rows.count), word(m));
  }
}

}  // namespace lophi::dml
