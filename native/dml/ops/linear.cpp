#include <algorithm>

#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

// Whether linear_few.hlsl takes the rows of a part.
bool few_takes(const Form& form, int64_t columns) {
  return !form.floats && !form.codebook && !form.levels.high && (form.levels.low == 4 || form.levels.low == 8) &&
         form.group % 32 == 0 && columns % 32 == 0;
}

constexpr int64_t kMostRows = 16;  // of x that weights are multiplied by at once
constexpr int64_t kManyRows = 8;   // where there are more, which the compiler is quicker with
constexpr int64_t kFewThreads = 64;

}  // namespace

// A dispatch for each part of w. What a part's form fixes is compiled in.
void linear(Commands& commands, const Call& call) {
  const args::Linear x(call);
  const auto& w = static_cast<const DmlWeight&>(x.w);
  const bool int8 = x.activations == args::Linear::Activations::kInt8;
  const int64_t m = w.rows ? x.y.count() / w.rows : 0;
  if (!m) return;
  for (size_t p = 0; p < w.stacked.size(); ++p) {
    const DmlWeight::Part& part = w.stacked[p];
    const Weight::Rows& rows = w.parts[p];
    const bool rounded = int8 && part.takes_int8;
    std::vector<uint32_t> constants = part_constants(m, w, rows, part);
    uint32_t& flags = constants[7];
    flags = x.bias ? 1u : 0u;
    const Operand weight{w.buffer, 0, w.device_bytes, false};
    // bias is bound always: the shader's compiler may read ahead of a branch
    const Operand operands[] = {read(x.x), weight, write(x.y), read(x.bias ? *x.bias : x.x)};
    Shaders& shaders = *commands.gpu().shaders;
    const int type = static_cast<int>(x.x.dtype);
    if (few_takes(rows.form, w.columns)) {
      flags |= (rounded ? 2u : 0u) | static_cast<uint32_t>(type) << 2;
      const int64_t at_once = m <= kMostRows ? m : kManyRows, columns = at_once <= kManyRows ? 2 : 1;
      const int shader = part.shader(shaders, "linear_few",
                                     {{"ROWS", static_cast<int>(at_once)}, {"COLUMNS", static_cast<int>(columns)}});
      commands.kernel(shader, operands, constants, groups_of(rows.count, kFewThreads * columns),
                      static_cast<uint32_t>(groups_of(m, at_once)));
      continue;
    }
    const int shader = part.shader(shaders, "linear", {{"TYPE", type}, {"ROUNDED", rounded}});
    commands.kernel(shader, operands, constants, static_cast<uint64_t>(rows.count), static_cast<uint32_t>(m));
  }
}

}  // namespace lophi::dml
