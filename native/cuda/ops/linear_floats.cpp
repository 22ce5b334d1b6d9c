#include <algorithm>

#include "cuda/kernels.gen.h"
#include "cuda/ops/linear.h"

namespace lophi::cuda {

void linear_floats_variants(const LinearParams& linear, std::vector<LinearVariant>& to) {
  const WeightRows& w = linear.w;
  if (w.floats && w.type != static_cast<int>(DType::kFloat32) && !w.order && linear.m <= 4)
    to.push_back({LinearVariant::kFloats});
}

bool linear_floats(Context& cuda, const LinearParams& linear, DType dtype) {
  const WeightRows& w = linear.w;
  if (!w.floats || w.type == static_cast<int>(DType::kFloat32) || w.order) return false;
  if (linear.m < 1 || linear.m > 4 || w.columns < 1 || w.count < 1) return false;
  const auto strips = static_cast<int>(blocks(w.count, 16));
  const LinearFloatsParams p{linear, strips, static_cast<int>(blocks(w.columns, 16)), static_cast<int>(dtype)};
  const auto weights =
      w.type == static_cast<int>(DType::kFloat16) ? LinearFloatsWeights::kHalf : LinearFloatsWeights::kBfloat;
  const int64_t resident = int64_t{cuda.multiprocessors()} * 2;
  cuda.launch(linear_floats_kernel(weights, linear.m == 1 ? LinearFloatsRows::kOne : LinearFloatsRows::kFour),
              {std::min<int64_t>(strips, resident)}, p);
  return true;
}

}  // namespace lophi::cuda
