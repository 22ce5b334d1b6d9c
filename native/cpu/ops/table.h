// The CPU's ops: one function per row of the schema, each in the file of its name.
#pragma once
#include "cpu/context.h"

namespace lophi::cpu {

// null where the CPU lacks the op
OpFunction function_of(Op op);

void add(Context&, const Call&);
void add_rms_norm(Context&, const Call&);
void arange(Context&, const Call&);
void argmax(Context&, const Call&);
void attention(Context&, const Call&);
void cast(Context&, const Call&);
void concat(Context&, const Call&);
void copy(Context&, const Call&);
void dequantize(Context&, const Call&);
void div(Context&, const Call&);
void embedding(Context&, const Call&);
void exp(Context&, const Call&);
void full(Context&, const Call&);
void gather(Context&, const Call&);
void linear(Context&, const Call&);
void log(Context&, const Call&);
void matmul(Context&, const Call&);
void matmul_int4(Context&, const Call&);
void max(Context&, const Call&);
void maximum(Context&, const Call&);
void mean(Context&, const Call&);
void minimum(Context&, const Call&);
void mul(Context&, const Call&);
void neg(Context&, const Call&);
void quantize(Context&, const Call&);
void rms_norm(Context&, const Call&);
void rotary_embedding(Context&, const Call&);
void sample(Context&, const Call&);
void sigmoid(Context&, const Call&);
void silu_mul(Context&, const Call&);
void slice(Context&, const Call&);
void softmax(Context&, const Call&);
void sqrt(Context&, const Call&);
void sub(Context&, const Call&);
void sum(Context&, const Call&);
void tanh(Context&, const Call&);
void top_k(Context&, const Call&);
void transpose(Context&, const Call&);
void where(Context&, const Call&);
void zeros(Context&, const Call&);

}  // namespace lophi::cpu
