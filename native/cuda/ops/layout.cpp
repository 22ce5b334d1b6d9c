#include "cuda/ops/layout.h"

#include <algorithm>

#include "core/moves.h"
#include "core/strides.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {

static_assert(TransposeParams::kMaxRank == kMaxRank && TransposeTilesParams::kMaxRank == kMaxRank);

namespace {

// The variant of a kernel over Bits4 Bits8 Bits16 Bits32 Bits128.
template <class Variant>
Variant variant_of(const Unit& unit) {
  switch (unit.bits()) {
    case 4:
      return Variant::kBits4;
    case 8:
      return Variant::kBits8;
    case 16:
      return Variant::kBits16;
    case 32:
      return Variant::kBits32;
    default:
      return Variant::kBits128;
  }
}

// Element by element, or by runs of x that stay together.
void transpose_runs(Context& cuda, const args::Transpose& x, std::span<const Move> axes) {
  Unit unit(x.x.dtype, 128, {address_of(x.x), address_of(x.y)});
  const bool runs = !axes.empty() && axes.back().from == 1;
  unit.narrow({runs ? axes.back().dim : 1});
  for (size_t i = 0; i + 1 < axes.size(); ++i) unit.narrow({axes[i].from});
  TransposeParams p{pointer_to(x.x), pointer_to(x.y), unit(x.y.count()), static_cast<int>(axes.size()), {}, {}};
  for (size_t i = 0; i < axes.size(); ++i) {
    const bool run = runs && i + 1 == axes.size();
    p.dims[i] = run ? unit(axes[i].dim) : axes[i].dim;
    p.strides[i] = run ? 1 : unit(axes[i].from);
  }
  cuda.launch(transpose_kernel(variant_of<TransposeVariant>(unit)), {blocks(p.count, 256)}, p);
}

// Rows that become columns: y's last axis, and the axis that is x's last.
void transpose_tiles(Context& cuda, const args::Transpose& x, std::span<const Move> axes, size_t columns) {
  TransposeTilesParams p{
      pointer_to(x.x), pointer_to(x.y), axes.back().dim, axes[columns].dim, axes.back().from, 0, 1, 0, {}, {}, {}};
  int64_t stride = x.y.count();  // of the axes of y, from the first on
  for (size_t i = 0; i + 1 < axes.size(); ++i) {
    stride /= axes[i].dim;
    if (i == columns) {
      p.y_stride = stride;
      continue;
    }
    p.dims[p.rank] = axes[i].dim;
    p.x_strides[p.rank] = axes[i].from;
    p.y_strides[p.rank++] = stride;
    p.count *= axes[i].dim;
  }
  const int bits = bits_of(x.x.dtype);
  const TransposeTilesVariant variant = bits == 8    ? TransposeTilesVariant::kBits8
                                        : bits == 16 ? TransposeTilesVariant::kBits16
                                                     : TransposeTilesVariant::kBits32;
  cuda.launch(transpose_tiles_kernel(variant), {blocks(p.rows, 32) * blocks(p.columns, 32) * p.count}, p);
}

}  // namespace

void copy(Context& cuda, const Call& call) {
  const args::Copy x(call);
  cuda.copy(address_of(x.y), address_of(x.x), x.y.bytes());
}

void slice(Context& cuda, const Call& call) {
  const args::Slice x(call);
  const Axis a = axis_of(x.x, x.axis);
  const int64_t start = x.start < 0 ? x.start + a.size : x.start;
  const int64_t run = axis_of(x.y, x.axis).size * a.inner, first = start * a.inner, stride = a.size * a.inner;
  Unit unit(x.x.dtype, 128, {address_of(x.x), address_of(x.y)});
  unit.narrow({run, first, stride});
  const RunsParams p{pointer_to(x.x), pointer_to(x.y), unit(x.y.count()), unit(run), unit(first), unit(stride)};
  cuda.launch(slice_kernel(variant_of<SliceVariant>(unit)), {blocks(p.count, 256)}, p);
}

// A launch for each operand.
void concat(Context& cuda, const Call& call) {
  const args::Concat x(call);
  const Axis y = axis_of(x.y, x.axis);
  const int64_t stride = y.size * y.inner;
  int64_t first = 0;
  for (const View& operand : x.xs) {
    const int64_t run = axis_of(operand, x.axis).size * y.inner;
    Unit unit(operand.dtype, 128, {address_of(operand), address_of(x.y)});
    unit.narrow({run, first, stride});
    const RunsParams p{pointer_to(operand), pointer_to(x.y), unit(operand.count()),
                       unit(run),           unit(first),     unit(stride)};
    const int64_t count = unit.bits() == 4 ? x.y.count() / 2 + 1 : p.count;  // a thread per byte of y
    if (p.count) cuda.launch(concat_kernel(variant_of<ConcatVariant>(unit)), {blocks(count, 256)}, p);
    first += run;
  }
}

void gather(Context& cuda, const Call& call) {
  const args::Gather x(call);
  const Axis a = axis_of(x.x, x.axis);
  Unit unit(x.x.dtype, 128, {address_of(x.x), address_of(x.y)});
  unit.narrow({a.inner});
  const GatherParams p{pointer_to(x.x),   pointer_to<int>(x.indices), pointer_to(x.y),
                       unit(x.y.count()), x.indices.count(),          a.size,
                       unit(a.inner),     cuda.faults(call)};
  cuda.launch(gather_kernel(variant_of<GatherVariant>(unit)), {blocks(std::max(p.count, p.indices_count), 256)}, p);
}

void transpose(Context& cuda, const Call& call) {
  const args::Transpose x(call);
  const std::vector<Move> axes = moves(x.x.shape, x.permutation);
  constexpr int64_t kWorthTiles = 8;
  const auto last = std::ranges::find(axes, 1, &Move::from);
  if (x.y.count() && bits_of(x.x.dtype) >= 8 && last != axes.end() && &*last != &axes.back() &&
      last->dim >= kWorthTiles && axes.back().dim >= kWorthTiles)
    return transpose_tiles(cuda, x, axes, static_cast<size_t>(last - axes.begin()));
  transpose_runs(cuda, x, axes);
}

}  // namespace lophi::cuda
