// DirectML's ops: families and ops of their own, each in the file of its name with its shaders beside it.
#pragma once
#include <string>

#include "core/own_ops.h"
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

#define DECLARE(op, function) void function(Commands&, const Call&);
LOPHI_OWN_OPS(DECLARE)
#undef DECLARE

size_t arange_scratch(const Call&);
size_t rms_norm_scratch(Gpu&, const Call&);
size_t sample_scratch(const Call&);
size_t top_k_scratch(const Call&);

void rms_norm_graph(Commands&, const Call&);
size_t rms_norm_graph_scratch(Gpu&, const Call&);

// to = from in another dtype
void convert(Commands& commands, const View& from, const View& to);

}  // namespace lophi::dml
