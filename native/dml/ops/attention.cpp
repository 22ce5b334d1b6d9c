#include "core/attention.h"

#include <array>
#include <bit>

#include "dml/ops/table.h"

namespace lophi::dml {

// Keys and values of all rows are written to their slots, then rows attend.
void attention(Commands& commands, const Call& call) {
  const args::Attention x(call);
  check_scales(x);
  const AttentionSizes s(x);
  if (!s.tokens || !s.d) return;
  const auto word = [](int64_t value) { return static_cast<uint32_t>(value); };
  const uint32_t flags = (x.pages ? 1u : 0u) | (x.rows ? 2u : 0u);
  const uint32_t constants[] = {word(s.tokens),
                                word(s.heads),
                                word(s.groups),
                                word(s.d),
                                word(s.page),
                                word(s.pages),
                                word(s.width),
                                word(s.window),
                                word(s.sequences),
                                word(s.table),
                                word(s.rows_each()),
                                flags,
                                std::bit_cast<uint32_t>(s.scale)};
  // What is absent is bound as something else: a shader's compiler may read ahead of a branch.
  const Operand position = read(x.position), pages = x.pages ? read(*x.pages) : position,
                rows = x.rows ? read(*x.rows) : position;
  const bool scaled = x.key_scales;
  const auto operands = [&](bool append) {
    const auto cache = [&](const View& view) { return append ? write(view) : read(view); };
    return std::array<Operand, 9>{read(x.qkv),
                                  cache(x.keys),
                                  cache(x.values),
                                  append ? position : write(x.y),
                                  position,
                                  pages,
                                  rows,
                                  scaled ? cache(*x.key_scales) : position,
                                  scaled ? cache(*x.value_scales) : position};
  };
  const auto tokens = static_cast<uint32_t>(s.tokens);
  commands.kernel(attention_append_shader(x.keys.dtype, x.qkv.dtype), operands(true), constants,
                  static_cast<uint64_t>(2 * s.groups), tokens, &call);
  commands.kernel(attention_shader(x.keys.dtype, x.qkv.dtype), operands(false), constants,
                  static_cast<uint64_t>(s.heads), tokens, &call);
}

}  // namespace lophi::dml
