#include <algorithm>
#include <cstdint>
#include <optional>

#include "cuda/kernels.gen.h"
#include "cuda/ops/linear.h"

namespace lophi::cuda {
namespace {

constexpr int kShared = 48 << 10;  // of a block, without asking for more

// A shape of the kernel, as linear_few.cu has it.
struct Shape {
  LinearFewShape shape;
  int strips, warps, stages;
};
constexpr Shape kDeep{LinearFewShape::kDeep, 1, 8, 3}, kNarrow{LinearFewShape::kNarrow, 1, 4, 3};

// A form of the kernel, as linear_few.cu has it.
struct Form {
  LinearFewForm form;
  int piece;  // columns that a group has a multiple of
  bool half_scales;
};

std::optional<Form> form_of(const WeightRows& w) {
  using enum LinearFewForm;
  if (w.floats || w.group % 16) return {};
  const bool simple = !w.scale_low && w.shift == WeightRows::kNone && w.scale_type == static_cast<int>(DType::kFloat16);
  const bool fine = w.group % 32 != 0;
  const struct {
    int low, high;
    std::optional<LinearFewForm> halves, any, fine;
  } rows[] = {
      {2, 0, {}, {}, kQ2Fine}, {2, 1, {}, {}, kQ3Fine}, {4, 0, kQ4, kQ4Any, kQ4Fine},
      {4, 1, kQ5, kQ5Any, {}}, {4, 2, {}, {}, kQ6Fine}, {8, 0, kQ8, kQ8Any, kQ8Fine},
  };
  if (w.codebook) {
    if (w.low != 4 || fine) return {};
    return Form{simple ? kIq4 : kIq4Any, 32, simple};
  }
  for (const auto& row : rows) {
    if (row.low != w.low || row.high != w.high) continue;
    if (!fine && simple && row.halves) return Form{*row.halves, 32, true};
    if (!fine && row.any) return Form{*row.any, 32, false};
    if (row.fine) return Form{*row.fine, 16, false};
  }
  return {};
}

}  // namespace

bool linear_few(Context& cuda, const LinearParams& linear, DType dtype) {
  const WeightRows& w = linear.w;
  const int digits = linear.int8 ? 1 : 3;
  const auto form = form_of(w);
  if (!form || linear.m < 1 || linear.m * digits > 16 || w.columns < 1 || w.count < 1) return false;

  const int columns = static_cast<int>(linear.m) * digits, tiles = (columns + 7) / 8;
  const bool single = columns == 1;
  const Shape& shape = tiles == 2 ? kNarrow : kDeep;  // so that a round of units fits into shared memory
  LinearFewParams p{};
  p.linear = linear;
  p.strips = static_cast<int>(blocks(w.count, 16));
  p.units = static_cast<int>(blocks(w.columns, 128));
  p.groups = static_cast<int>(blocks(w.columns, w.group));
  p.group_pieces = static_cast<int>(w.group / form->piece);
  p.turns = static_cast<int>(blocks(p.units, shape.warps * shape.stages)) * shape.stages;
  p.dtype = static_cast<int>(dtype);
  p.digits = digits;
  p.columns = columns;
  p.zero = w.codebook ? 128 : w.zero;
  p.aligned =
      dtype == DType::kFloat32 && !w.order && w.columns % 4 == 0 && reinterpret_cast<uintptr_t>(linear.x) % 16 == 0;

  // what linear_few.cu keeps in shared memory, see its Shared
  const int known = form->half_scales ? 8 : form->piece == 32 ? 12 : 20;  // bytes of its Known
  const int fixed = shape.warps * shape.strips * tiles * (single ? 2 : 4) * 128 + 64 + columns * 32;
  const int unit = 4 * (single ? 1 : 8 * tiles) * known + columns * 128, round = shape.warps * shape.stages;
  p.phase = std::min(p.turns * shape.warps, (kShared - fixed) / unit / round * round);

  const auto kind = single       ? LinearFewColumns::kOne
                    : tiles == 1 ? LinearFewColumns::kEight
                                 : LinearFewColumns::kSixteen;
  const auto shared = static_cast<size_t>(fixed + unit * p.phase);
  cuda.launch(linear_few_kernel(form->form, kind, shape.shape),
              {blocks(p.strips, shape.strips), 1, shape.warps * 32, shared}, p);
  return true;
}

}  // namespace lophi::cuda
