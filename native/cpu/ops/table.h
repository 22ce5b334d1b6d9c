// The CPU's ops: families, each a table in the file of its name, and ops with a file of their own.
#pragma once
#include <span>

#include "cpu/context.h"

namespace lophi::cpu {

struct Row {
  Op op;
  OpFunction run;
};

std::span<const Row> unary_ops();
std::span<const Row> binary_ops();
std::span<const Row> reduce_ops();
std::span<const Row> layout_ops();
std::span<const Row> fill_ops();

void add_rms_norm(Context&, const Call&);
void attention(Context&, const Call&);
void cast(Context&, const Call&);
void dequantize(Context&, const Call&);
void embedding(Context&, const Call&);
void linear(Context&, const Call&);
void matmul(Context&, const Call&);
void matmul_int4(Context&, const Call&);
void quantize(Context&, const Call&);
void rms_norm(Context&, const Call&);
void rotary_embedding(Context&, const Call&);
void sample(Context&, const Call&);
void silu_mul(Context&, const Call&);
void softmax(Context&, const Call&);
void top_k(Context&, const Call&);
void where(Context&, const Call&);

// null where the CPU lacks the op
OpFunction function_of(Op op);

}  // namespace lophi::cpu
