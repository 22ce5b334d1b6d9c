// DirectML's ops: families and ops of their own, each in the file of its name with its shaders beside it.
#pragma once
#include <string>

#include "dml/commands.h"
#include "dml/shaders.gen.h"
#include "dml/weight.h"

namespace lophi::dml {

using OpFunction = void (*)(Commands&, const Call&);

// null where there is none yet
OpFunction function_of(Op op);

// Why the device cannot run these operands; empty where it can.
std::string refusal(const Call& call);

// Bytes that a call needs beside its operands.
size_t scratch(Gpu& gpu, const Call& call);

void unary(Commands&, const Call&);
void binary(Commands&, const Call&);
void reduce(Commands&, const Call&);

void add_rms_norm(Commands&, const Call&);
void arange(Commands&, const Call&);
void argmax(Commands&, const Call&);
void attention(Commands&, const Call&);
void cast(Commands&, const Call&);
void concat(Commands&, const Call&);
void copy(Commands&, const Call&);
void dequantize(Commands&, const Call&);
void embedding(Commands&, const Call&);
void full(Commands&, const Call&);
void gather(Commands&, const Call&);
void linear(Commands&, const Call&);
void matmul(Commands&, const Call&);
void matmul_int4(Commands&, const Call&);
void quantize(Commands&, const Call&);
void rms_norm(Commands&, const Call&);
void rotary_embedding(Commands&, const Call&);
void sample(Commands&, const Call&);
void silu_mul(Commands&, const Call&);
void slice(Commands&, const Call&);
void softmax(Commands&, const Call&);
void top_k(Commands&, const Call&);
void transpose(Commands&, const Call&);
void where(Commands&, const Call&);
void zeros(Commands&, const Call&);

size_t arange_scratch(const Call&);
size_t rms_norm_scratch(Gpu&, const Call&);
size_t sample_scratch(const Call&);
size_t top_k_scratch(const Call&);

void rms_norm_graph(Commands&, const Call&);
size_t rms_norm_graph_scratch(Gpu&, const Call&);

// to = from in another dtype
void convert(Commands& commands, const View& from, const View& to);

}  // namespace lophi::dml
