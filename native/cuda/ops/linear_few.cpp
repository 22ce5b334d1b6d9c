#include <algorithm>
#include <optional>

#include "cuda/kernels.gen.h"
#include "cuda/ops/linear.h"

namespace lophi::cuda {
namespace {

constexpr size_t kShared = 48 << 10;  // of a block, without asking for more

// A shape of the kernel, as linear_few.cu has it.
struct Shape {
  LinearFewShape shape;
  int strips, warps;
};
constexpr Shape kShapes[] = {{LinearFewShape::kA, 1, 8}};

std::optional<LinearFewForm> form_of(const WeightRows& w) {
  if (w.floats || w.high || w.codebook || w.scale_low || w.shift != WeightRows::kNone || w.group % 32) return {};
  if (w.low == 4 && w.scale_type == static_cast<int>(DType::kFloat16)) return LinearFewForm::kQ4;
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
  const Shape& shape = kShapes[0];
  // what linear_few.cu keeps in shared memory, see its Shared
  const size_t sums = static_cast<size_t>(shape.warps * shape.strips * tiles * (single ? 2 : 4)) * 128;
  const size_t unit = static_cast<size_t>(4 * (single ? 1 : 8 * tiles) * 12 + columns * 128);
  const auto bytes = [&](int64_t units) {
    return sums + 64 + static_cast<size_t>(columns * 32) + unit * static_cast<size_t>(units);
  };
  const int64_t units = blocks(w.columns, 128), all = blocks(units, shape.warps) * shape.warps;
  const auto fitting = static_cast<int64_t>((kShared - bytes(0)) / unit) / shape.warps * shape.warps;
  const int64_t phase = std::min(all, fitting);

  const int64_t strips = blocks(w.count, 16);
  const LinearFewParams params{linear, strips, phase, static_cast<int>(dtype), digits, columns, w.zero};
  const auto kind = single       ? LinearFewColumns::kOne
                    : tiles == 1 ? LinearFewColumns::kEight
                                 : LinearFewColumns::kSixteen;
  cuda.launch(linear_few_kernel(*form, kind, shape.shape),
              {blocks(strips, shape.strips), 1, shape.warps * 32, bytes(phase)}, params);
  return true;
}

}  // namespace lophi::cuda
