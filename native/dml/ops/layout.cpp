#include <algorithm>

#include "core/moves.h"
#include "core/strides.h"
#include "dml/ops/copy.h"
#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

uint32_t word(int64_t value) { return static_cast<uint32_t>(value); }

Unit unit_of(const View& x, const View& y) { return Unit(x.dtype, 32, {x.offset, y.offset}); }

}  // namespace

// A kernel and not CopyBufferRegion, which would change the state of both buffers amid a plan.
void copy_bytes(Commands& commands, const Operand& from, const Operand& to) {
  if (!to.bytes) return;
  constexpr uint64_t kGroup = 256 * 4;
  const uint32_t constants[] = {static_cast<uint32_t>(to.bytes)};
  const Operand operands[] = {from, to};
  commands.kernel(copy_shader(), operands, constants, ((to.offset & 3) + to.bytes + kGroup - 1) / kGroup);
}

void copy(Commands& commands, const Call& call) {
  const args::Copy x(call);
  copy_bytes(commands, read(x.x), write(x.y));
}

void slice(Commands& commands, const Call& call) {
  const args::Slice x(call);
  const Axis a = axis_of(x.x, x.axis);
  const int64_t start = x.start < 0 ? x.start + a.size : x.start;
  const int64_t run = axis_of(x.y, x.axis).size * a.inner, first = start * a.inner, stride = a.size * a.inner;
  Unit unit = unit_of(x.x, x.y);
  unit.narrow({run, first, stride});
  const uint32_t constants[] = {word(unit(x.y.count())), word(unit(run)), word(unit(first)), word(unit(stride))};
  const Operand operands[] = {read(x.x), write(x.y)};
  commands.kernel(slice_shader(unit.bits()), operands, constants, groups_of_words(x.y));
}

// A dispatch for each operand.
void concat(Commands& commands, const Call& call) {
  const args::Concat x(call);
  const Axis y = axis_of(x.y, x.axis);
  const int64_t stride = y.size * y.inner;
  int64_t first = 0;
  for (const View& operand : x.xs) {
    const int64_t run = axis_of(operand, x.axis).size * y.inner;
    Unit unit = unit_of(operand, x.y);
    unit.narrow({run, first, stride});
    const int64_t count = unit(operand.count());
    const uint32_t constants[] = {word(count), word(unit(run)), word(unit(first)), word(unit(stride))};
    const Operand operands[] = {read(operand), write(x.y)};
    commands.kernel(concat_shader(unit.bits()), operands, constants, groups_of(count, 256));
    first += run;
  }
}

void gather(Commands& commands, const Call& call) {
  const args::Gather x(call);
  const Axis a = axis_of(x.x, x.axis);
  Unit unit = unit_of(x.x, x.y);
  unit.narrow({a.inner});
  const int64_t indices = x.indices.count();
  const uint32_t constants[] = {word(unit(x.y.count())), word(indices), word(a.size), word(unit(a.inner))};
  const Operand operands[] = {read(x.x), read(x.indices), write(x.y)};
  commands.kernel(gather_shader(unit.bits()), operands, constants,
                  std::max(groups_of_words(x.y), groups_of(indices, 256)), 1, &call);
}

// Element by element, or by runs of x that stay together.
void transpose(Commands& commands, const Call& call) {
  const args::Transpose x(call);
  const std::vector<Move> axes = moves(x.x.shape, x.permutation);
  const bool runs = !axes.empty() && axes.back().from == 1;
  Unit unit = unit_of(x.x, x.y);
  unit.narrow({runs ? axes.back().dim : 1});
  for (size_t i = 0; i + 1 < axes.size(); ++i) unit.narrow({axes[i].from});
  uint32_t constants[2 * kMaxRank + 1] = {};  // shape, strides, units
  std::fill_n(constants, kMaxRank, 1u);
  for (size_t i = 0; i < axes.size(); ++i) {
    const bool run = runs && i + 1 == axes.size();
    const size_t at = kMaxRank - axes.size() + i;
    constants[at] = word(run ? unit(axes[i].dim) : axes[i].dim);
    constants[kMaxRank + at] = word(run ? 1 : unit(axes[i].from));
  }
  constants[2 * kMaxRank] = word(unit(x.y.count()));
  const Operand operands[] = {read(x.x), write(x.y)};
  commands.kernel(transpose_shader(unit.bits()), operands, constants, groups_of_words(x.y));
}

}  // namespace lophi::dml
