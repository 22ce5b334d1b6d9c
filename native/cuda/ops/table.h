// CUDA's ops: one function per row of the schema that a GPU has, each in the file of its name.
#pragma once
#include "cuda/context.h"

namespace lophi::cuda {

// null where CUDA lacks the op
OpFunction function_of(Op op);

void add(Context&, const Call&);
void copy(Context&, const Call&);
void linear(Context&, const Call&);
void matmul_int4(Context&, const Call&);
void rms_norm(Context&, const Call&);

}  // namespace lophi::cuda
