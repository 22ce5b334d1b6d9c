#include "dml/ops/table.h"

namespace lophi::dml {

// A dispatch for each part of w. What a part's form fixes is compiled in.
void linear(Commands& commands, const Call& call) {
  const args::Linear x(call);
  const auto& w = static_cast<const DmlWeight&>(x.w);
  const bool int8 = x.activations == args::Linear::Activations::kInt8;
  const int64_t m = w.rows ? x.y.count() / w.rows : 0;
  for (size_t p = 0; p < w.stacked.size(); ++p) {
    const DmlWeight::Part& part = w.stacked[p];
    std::vector<uint32_t> constants = part_constants(m, w, w.parts[p], part);
    constants[7] = x.bias ? 1u : 0u;
    const Operand weight{w.buffer, 0, w.device_bytes, false};
    // bias is bound always: the shader's compiler may read ahead of a branch
    const Operand operands[] = {read(x.x), weight, write(x.y), read(x.bias ? *x.bias : x.x)};
    const int shader =
        part.shader(*commands.gpu().shaders, "linear",
                    {{"TYPE", static_cast<int>(x.x.dtype)}, {"ROUNDED", int8 && part.takes_int8 ? 1 : 0}});
    commands.kernel(shader, operands, constants, static_cast<uint64_t>(w.parts[p].count), static_cast<uint32_t>(m));
  }
}

}  // namespace lophi::dml
