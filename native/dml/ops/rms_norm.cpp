#include <bit>

#include "core/env.h"
#include "dml/ops/table.h"

namespace lophi::dml {

namespace {

// DirectML has no bfloat16.
bool by_graph(const args::RmsNorm& x) {
  return env::directml_graphs() && x.x.dtype != DType::kBfloat16 && x.weight.dtype != DType::kBfloat16;
}

}  // namespace

size_t rms_norm_scratch(Gpu& gpu, const Call& call) {
  return by_graph(args::RmsNorm(call)) ? rms_norm_graph_scratch(gpu, call) : 0;
}

// HLSL by default, and not DirectML's MEAN_VARIANCE_NORMALIZATION2: that holds the mean of the squares in the type of x, where float16 ends at 65504.
void rms_norm(Commands& commands, const Call& call) {
  const args::RmsNorm x(call);
  if (by_graph(x)) return rms_norm_graph(commands, call);
  const int64_t columns = x.x.dim(-1), rows = columns ? x.x.count() / columns : 0;
  const uint32_t constants[] = {static_cast<uint32_t>(rows), static_cast<uint32_t>(columns),
                                std::bit_cast<uint32_t>(static_cast<float>(x.epsilon))};
  const Operand operands[] = {read(x.x), read(x.weight), write(x.y)};
  commands.kernel(rms_norm_shader(x.x.dtype, x.weight.dtype), operands, constants, static_cast<uint64_t>(rows));
}

}  // namespace lophi::dml
