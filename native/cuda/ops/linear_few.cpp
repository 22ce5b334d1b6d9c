#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>

#include "cuda/ops/form.h"
#include "cuda/ops/linear.h"

namespace lophi::cuda {
namespace {

constexpr int kShared = (48 << 10) - 128;  // of a block, without asking for more, beside what a norm has
constexpr int64_t kUnit = 128;             // columns of w that a warp takes at a time

constexpr int kMaxColumns = 16;

// A shape of the kernel, as linear_few.cu has it.
struct Shape {
  LinearFewShape shape;
  int warps, stages, resident;
};

Shape shape_of(WeightForm form, bool wide) {
  using enum LinearFewShape;
  const bool halves = has_half_scales(form);
  if (wide) return halves ? Shape{kNarrow, 4, 3, 2} : Shape{kNarrowShort, 4, 2, 2};
  if (!halves) return {kRoomy, 8, 2, 1};
  return form == WeightForm::kQ8 ? Shape{kShort, 8, 2, 2} : Shape{kDeep, 8, 3, 2};
}

// Bytes of a value of x.
int digits_of(const LinearParams& linear) { return linear.int8 ? 1 : 3; }

bool has(WeightForm form) { return linear_few_kernel(form, LinearFewColumns::kOne, shape_of(form, false).shape) >= 0; }

}  // namespace

bool takes_few(const LinearParams& linear) {
  return form_of(linear.w, has) && linear.m >= 1 && linear.m * digits_of(linear) <= kMaxColumns &&
         linear.w.columns >= 1 && linear.w.count >= 1;
}

// Where x becomes bytes once: those of all columns, and behind them what is known of the blocks.
size_t linear_few_scratch(const LinearParams& linear) {
  const int64_t columns = linear.m * digits_of(linear), units = blocks(linear.w.columns, kUnit);
  const int64_t known = columns == 1 ? 1 : 8 * blocks(columns, 8);
  return static_cast<size_t>(units * (columns * kUnit + 4 * known * 5 * static_cast<int64_t>(sizeof(float))));
}

void linear_few_variants(const LinearParams& linear, int multiprocessors, std::vector<LinearVariant>& to) {
  if (!takes_few(linear)) return;
  const auto form = form_of(linear.w, has);
  const int64_t columns = linear.m * digits_of(linear);
  const int usual = shape_of(*form, columns > 8).resident;
  std::vector<int64_t> grids;
  for (const int resident : {usual, 1, 2, 3, 4}) {
    const int64_t grid = std::min(blocks(linear.w.count, 16), int64_t{multiprocessors} * resident);
    if (std::ranges::find(grids, grid) != grids.end()) continue;
    grids.push_back(grid);
    to.push_back({LinearVariant::kFew, static_cast<uint8_t>(resident)});
  }
}

void linear_few(Context& cuda, const LinearParams& linear, DType dtype, unsigned char* scratch, LinearVariant variant) {
  const WeightRows& w = linear.w;
  const int digits = digits_of(linear);
  const auto form = form_of(w, has);

  const int columns = static_cast<int>(linear.m) * digits, tiles = (columns + 7) / 8;
  const bool single = columns == 1;
  const bool half_scales = has_half_scales(*form);
  const int piece = w.group % 32 ? 16 : 32;  // columns that a group has a multiple of
  const Shape shape = shape_of(*form, tiles == 2);
  LinearFewParams p{};
  p.linear = linear;
  p.strips = static_cast<int>(blocks(w.count, 16));
  p.units = static_cast<int>(blocks(w.columns, kUnit));
  p.groups = static_cast<int>(blocks(w.columns, w.group));
  p.group_pieces = static_cast<int>(w.group / piece);
  p.super_shift = std::countr_zero(static_cast<unsigned>(w.super));
  p.turns = static_cast<int>(blocks(p.units, shape.warps * shape.stages)) * shape.stages;
  p.columns = columns;
  const int known_columns = single ? 1 : 8 * tiles;
  p.x = {linear.x,
         w.order,
         nullptr,
         nullptr,
         w.columns,
         static_cast<int>(dtype),
         0,
         p.units * 4,
         digits,
         w.codebook ? 128 : w.zero,
         known_columns,
         linear.norm};
  const auto aligned = [&](const void* of, int type) {
    return type == static_cast<int>(DType::kFloat32) && !w.order && w.columns % 4 == 0 &&
           reinterpret_cast<uintptr_t>(of) % 16 == 0;
  };
  p.x.aligned = aligned(linear.x, p.x.dtype);

  // One row of float32 is quickly rounded in every block; else x becomes bytes once.
  const bool at_once = single && p.x.aligned && w.columns % 16 == 0 &&
                       (!linear.norm.weight || aligned(linear.norm.weight, linear.norm.dtype));
  if (!at_once) {
    p.x.bytes = scratch;
    p.x.known = p.x.bytes + static_cast<int64_t>(columns) * p.units * kUnit;
    const auto known = half_scales   ? LinearBytesKnown::kSteps
                       : piece == 32 ? LinearBytesKnown::kSums
                                     : LinearBytesKnown::kFineSums;
    cuda.launch(linear_bytes_kernel(known), {blocks(p.x.blocks, 32), linear.m}, p.x);
  }

  // what linear_few.cu keeps in shared memory, see its Shared
  const int known = half_scales ? 8 : piece == 32 ? 12 : 20;  // bytes of its Known
  const int gates = linear.silu ? static_cast<int>(linear.m) * 64 : 0;
  const int fixed = shape.warps * tiles * (single ? 2 : 4) * 128 + gates + 64 + columns * 32;
  const int unit = 4 * known_columns * known + columns * static_cast<int>(kUnit), round = shape.warps * shape.stages;
  p.phase = std::min(p.turns * shape.warps, (kShared - fixed) / unit / round * round);

  const auto kind = single       ? LinearFewColumns::kOne
                    : tiles == 1 ? LinearFewColumns::kEight
                                 : LinearFewColumns::kSixteen;
  const bool told = variant.product == LinearVariant::kFew && variant.resident;
  const int64_t resident = int64_t{cuda.multiprocessors()} * (told ? variant.resident : shape.resident);
  cuda.launch(linear_few_kernel(*form, kind, shape.shape),
              {std::min<int64_t>(linear.silu ? p.strips / 2 : p.strips, resident), 1, shape.warps * 32,
               static_cast<size_t>(fixed + unit * p.phase)},
              p);
}

}  // namespace lophi::cuda
