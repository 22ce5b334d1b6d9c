// The products that linear chooses from.
#pragma once
#include "cuda/context.h"
#include "cuda/params.h"

namespace lophi::cuda {

// For few rows of x and levels in tile order; false where it does not take them.
bool linear_few(Context& cuda, const LinearParams& params, DType dtype, const View& scratch);
// The same for w of 16-bit floats.
bool linear_floats(Context& cuda, const LinearParams& params, DType dtype);
// Bytes that linear_few needs for `m` rows of x of `columns` columns.
size_t linear_few_scratch(int64_t m, int64_t columns);

// For many rows; false where it does not take the weight, or the weight's float32 values.
bool linear_many(Context& cuda, const LinearParams& params, DType dtype, const View& scratch);
// Bytes that linear_many needs for `m` rows of x of `columns` columns.
size_t linear_many_scratch(int64_t m, int64_t columns);
size_t linear_scratch(const Call& call);

}  // namespace lophi::cuda
