// The products that linear chooses from.
#pragma once
#include <vector>

#include "cuda/context.h"
#include "cuda/params.h"
#include "cuda/variants.h"

namespace lophi::cuda {

// Whether a product takes these sizes and this weight, and the bytes that it needs beside them: nothing is read through pointers.
bool takes_few(const LinearParams& params);
bool takes_floats(const LinearParams& params);
bool takes_many(const LinearParams& params);
size_t linear_few_scratch(const LinearParams& params);
size_t linear_many_scratch(const LinearParams& params);
size_t linear_scratch_bytes(const LinearParams& params);  // the most of those that take it

// For few rows of x and levels in tile order.
void linear_few(Context& cuda, const LinearParams& params, DType dtype, unsigned char* scratch, LinearVariant variant);
// The same for w of 16-bit floats.
void linear_floats(Context& cuda, const LinearParams& params, DType dtype);
// For many rows; not for float32 weights, nor for norms and gates.
void linear_many(Context& cuda, const LinearParams& params, DType dtype, unsigned char* scratch, LinearVariant variant);
const char* linear_many_name(LinearVariant variant);

// Adds the ways to run each of them, the usual one first.
void linear_few_variants(const LinearParams& params, int multiprocessors, std::vector<LinearVariant>& to);
void linear_floats_variants(const LinearParams& params, std::vector<LinearVariant>& to);
void linear_many_variants(const LinearParams& params, int multiprocessors, std::vector<LinearVariant>& to);

// The product, the way that `variant` says where it can be.
void run_linear(Context& cuda, const LinearParams& params, DType dtype, unsigned char* scratch, LinearVariant variant);
// The place of `m` rows of x in LinearChoices.
int row_class(const WeightRows& w, int64_t m, bool int8);

}  // namespace lophi::cuda
