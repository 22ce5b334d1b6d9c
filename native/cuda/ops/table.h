// CUDA's ops: families and ops of their own, each in the file of its name with its kernels beside it.
#pragma once
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

void add_rms_norm(Context&, const Call&);
void arange(Context&, const Call&);
void argmax(Context&, const Call&);
void attention(Context&, const Call&);
void cast(Context&, const Call&);
void concat(Context&, const Call&);
void copy(Context&, const Call&);
void dequantize(Context&, const Call&);
void embedding(Context&, const Call&);
void full(Context&, const Call&);
void gather(Context&, const Call&);
void linear(Context&, const Call&);
void matmul(Context&, const Call&);
void matmul_int4(Context&, const Call&);
void quantize(Context&, const Call&);
void rms_norm(Context&, const Call&);
void rotary_embedding(Context&, const Call&);
void sample(Context&, const Call&);
void silu_mul(Context&, const Call&);
void slice(Context&, const Call&);
void softmax(Context&, const Call&);
void top_k(Context&, const Call&);
void transpose(Context&, const Call&);
void where(Context&, const Call&);
void zeros(Context&, const Call&);

// Bytes that a call needs beside its operands.
size_t scratch_of(const Call& call);
size_t attention_scratch(const Call& call);
size_t linear_scratch(const Call& call);
size_t sample_scratch(const Call& call);
size_t top_k_scratch(const Call& call);

}  // namespace lophi::cuda
