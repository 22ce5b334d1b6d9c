#include <algorithm>

#include "cuda/kernels.gen.h"
#include "cuda/ops/linear.h"

namespace lophi::cuda {

bool takes_floats(const LinearParams& linear) {
  const WeightRows& w = linear.w;
  if (!w.floats || w.type == static_cast<int>(DType::kFloat32) || w.order) return false;
  return linear.m >= 1 && linear.m <= 4 && w.columns >= 1 && w.count >= 1;
}

void linear_floats_variants(const LinearParams& linear, std::vector<LinearVariant>& to) {
  if (takes_floats(linear)) to.push_back({LinearVariant::kFloats});
}

void linear_floats(Context& cuda, const LinearParams& linear, DType dtype) {
  const WeightRows& w = linear.w;
  const auto strips = static_cast<int>(blocks(w.count, 16));
  const LinearFloatsParams p{linear, strips, static_cast<int>(blocks(w.columns, 16)), static_cast<int>(dtype)};
  const auto weights =
      w.type == static_cast<int>(DType::kFloat16) ? LinearFloatsWeights::kHalf : LinearFloatsWeights::kBfloat;
  const int64_t resident = int64_t{cuda.multiprocessors()} * 2;
  const auto rows = linear.m == 1 ? LinearFloatsRows::kOne : LinearFloatsRows::kFour;
  // a block takes gates and ups by turns
  cuda.launch(linear_floats_kernel(weights, rows), {std::min<int64_t>(linear.silu ? strips / 2 : strips, resident)}, p);
}

}  // namespace lophi::cuda
