#include "core/strides.h"
#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

constexpr int64_t kThreads = 256;

// Neighbouring lines of one group, so that threads read side by side: of lines whose elements lie together a group takes one where it
// is long enough.
int64_t lanes_of(const Axis& a) { return a.inner == 1 && a.size > kThreads / 4 ? 1 : 32; }

void along_lines(Commands& commands, int shader, const View& x, const View& y, int64_t axis) {
  const Axis a = axis_of(x, axis);
  const int64_t lines = a.outer * a.inner, lanes = lanes_of(a);
  const uint32_t constants[] = {static_cast<uint32_t>(lines), static_cast<uint32_t>(a.size),
                                static_cast<uint32_t>(a.inner), static_cast<uint32_t>(lanes)};
  const Operand operands[] = {read(x), write(y)};
  commands.kernel(shader, operands, constants, groups_of(lines, lanes));
}

}  // namespace

// Every reduction has the attribute axis first.
void reduce(Commands& commands, const Call& call) {
  const View& x = call.in[0];
  along_lines(commands, reduce_shader(call.op->kind(), x.dtype), x, call.out[0], call.attributes[0].integer);
}

void argmax(Commands& commands, const Call& call) {
  const args::Argmax x(call);
  along_lines(commands, argmax_shader(x.x.dtype), x.x, x.y, x.axis);
}

void softmax(Commands& commands, const Call& call) {
  const args::Softmax x(call);
  along_lines(commands, softmax_shader(x.x.dtype), x.x, x.y, x.axis);
}

}  // namespace lophi::dml
