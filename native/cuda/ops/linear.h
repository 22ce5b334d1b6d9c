// The products that linear chooses from.
#pragma once
#include <vector>

#include "cuda/context.h"
#include "cuda/params.h"
#include "cuda/variants.h"

namespace lophi::cuda {

// For few rows of x and levels in tile order; false where it does not take them.
bool linear_few(Context& cuda, const LinearParams& params, DType dtype, unsigned char* scratch, LinearVariant variant);
// The same for w of 16-bit floats.
bool linear_floats(Context& cuda, const LinearParams& params, DType dtype);
// Adds the ways to run each of them, the usual one first.
void linear_few_variants(const LinearParams& params, int multiprocessors, std::vector<LinearVariant>& to);
void linear_floats_variants(const LinearParams& params, std::vector<LinearVariant>& to);
void linear_many_variants(const LinearParams& params, int multiprocessors, std::vector<LinearVariant>& to);
// Bytes that linear_few needs for `m` rows of x of `columns` columns.
size_t linear_few_scratch(int64_t m, int64_t columns);

// For many rows; false where it does not take the weight, or the weight's float32 values.
bool linear_many(Context& cuda, const LinearParams& params, DType dtype, unsigned char* scratch, LinearVariant variant);
const char* linear_many_name(LinearVariant variant);
// Bytes that linear_many needs for `m` rows of x of `columns` columns.
size_t linear_many_scratch(int64_t m, int64_t columns);
size_t linear_scratch(const Call& call);
size_t linear_scratch_bytes(int64_t m, int64_t columns);

// The product, the way that `variant` says where it can be.
void run_linear(Context& cuda, const LinearParams& params, DType dtype, unsigned char* scratch, LinearVariant variant);
// The place of `m` rows of x in LinearChoices.
int row_class(const WeightRows& w, int64_t m, bool int8);

}  // namespace lophi::cuda
