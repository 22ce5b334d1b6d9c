// CUDA's ops: families and ops of their own, each in the file of its name with its kernels beside it.
#pragma once
#include "core/own_ops.h"
#include "cuda/context.h"
#include "cuda/kernels.gen.h"
#include "cuda/params.h"

namespace lophi::cuda {

// null where CUDA lacks the op
OpFunction function_of(Op op);
// That of the call's kernel, where it has one
OpFunction function_of(const Call& call);

// Of a kernel of fused().
OpFunction own_function(const Kernel& kernel);
// Whether it runs these operands.
bool own_takes(const Call& call);
bool takes_rope(const Call& call);
bool takes_product(const Call& call);

// CUDA's own ops, which replace calls of a plan: ops/fused.cpp.
std::span<const std::shared_ptr<const Kernel>> fused();

// Why the device cannot run these operands; empty where it can.
std::string refusal(const Call& call);

void unary(Context&, const Call&);
void binary(Context&, const Call&);
void reduce(Context&, const Call&);

#define DECLARE(op, function) void function(Context&, const Call&);
LOPHI_OWN_OPS(DECLARE)
#undef DECLARE

// Bytes that a call needs beside its operands.
size_t scratch_of(const Call& call);
size_t attention_scratch(const Call& call);
size_t linear_scratch(const Call& call);
size_t sample_scratch(const Call& call);
size_t top_k_scratch(const Call& call);

}  // namespace lophi::cuda
