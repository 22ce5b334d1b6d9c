// Which form of levels.cuh a weight is read as.
#pragma once
#include <optional>

#include "cuda/kernels.gen.h"
#include "cuda/params.h"

namespace lophi::cuda {

// The most special form of a weight that a kernel has; none: it does not take the weight.
std::optional<WeightForm> form_of(const WeightRows& w, bool (*has)(WeightForm));
// Whether the kernel of a form knows nothing but a float16 scale for every 32 columns or a multiple.
bool has_half_scales(WeightForm form);

}  // namespace lophi::cuda
