// The products that linear chooses from.
#pragma once
#include "cuda/context.h"
#include "cuda/params.h"

namespace lophi::cuda {

// For few rows of x and levels in tile order; false where it does not take them.
bool linear_few(Context& cuda, const LinearParams& params, DType dtype);

}  // namespace lophi::cuda
