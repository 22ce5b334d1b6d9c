#include "cuda/ops/form.h"

#include <algorithm>

#include "core/dtype.h"

namespace lophi::cuda {
namespace {

using enum WeightForm;
using Maybe = std::optional<WeightForm>;

constexpr struct {
  int low, high, codebook;
  Maybe halves, any, fine;  // fine: groups of 16, or of an odd multiple
} kForms[] = {
    {2, 0, 0, {}, {}, kQ2Fine},      {2, 1, 0, {}, {}, kQ3Fine},   {4, 0, 0, kQ4, kQ4Any, kQ4Fine},
    {4, 1, 0, kQ5, kQ5Any, {}},      {4, 0, 1, kIq4, kIq4Any, {}}, {4, 2, 0, {}, {}, kQ6Fine},
    {8, 0, 0, kQ8, kQ8Any, kQ8Fine},
};

}  // namespace

std::optional<WeightForm> form_of(const WeightRows& w, bool (*has)(WeightForm)) {
  const auto known = [&](const Maybe& form) { return form && has(*form) ? form : std::nullopt; };
  if (w.floats) {
    if (w.type == static_cast<int>(DType::kFloat16)) return known(kF16);
    return w.type == static_cast<int>(DType::kBfloat16) ? known(kBf16) : std::nullopt;
  }
  if (w.group % 16) return {};
  const auto* row = std::ranges::find_if(kForms, [&](const auto& each) {
    return each.low == w.low && each.high == w.high && each.codebook == w.codebook;
  });
  if (row == std::end(kForms)) return {};
  if (w.group % 32) return known(row->fine);
  const bool plain = !w.scale_low && w.shift == WeightRows::kNone && w.scale_type == static_cast<int>(DType::kFloat16);
  const Maybe halves = plain ? known(row->halves) : std::nullopt;
  return halves ? halves : known(row->any);
}

bool has_half_scales(WeightForm form) {
  return std::ranges::any_of(kForms, [&](const auto& each) { return each.halves == form; });
}

}  // namespace lophi::cuda
