// Ops of CUDA's own: what they replace in a plan, and the function of the op that they extend.
#include "cuda/ops/table.h"

namespace lophi::cuda {
namespace {

struct OwnKernel : Kernel {
  OwnKernel(std::shared_ptr<const OpInfo> op, OpFunction function, bool (*taken)(const Call&))
      : Kernel(std::move(op)), run(function), takes(taken) {}
  const OpFunction run;
  bool (*const takes)(const Call&);  // null: any call
};

std::shared_ptr<const Kernel> own(const OpText& text, OpFunction run, bool (*takes)(const Call&) = nullptr) {
  return std::make_shared<const OwnKernel>(parse_op(text), run, takes);
}

// What stands behind a product; a sum has it on either side.
enum class Behind { kNothing, kSumOfProduct, kSumWithProduct, kGates };

// y = linear(x, w, bias) with the norm of x before it, and behind it a sum or silu(gate) * up: as linear takes them.
std::shared_ptr<const Kernel> product(bool normed, Behind behind) {
  using Named = OpText::Named;
  using Pair = OpText::Pair;
  const bool gates = behind == Behind::kGates,
             sum = behind == Behind::kSumOfProduct || behind == Behind::kSumWithProduct;
  const auto name = std::string(normed ? "normLinear" : "linear") + (sum ? "Add" : gates ? "SiluMul" : "");
  const char* y = gates || sum ? "product" : "y";
  OpText text{.name = name,
              .in = {{"x", "float[..., K]"}, {"w", gates ? "weight[2*N, K]" : "weight[N, K]"}},
              .attributes = {{"activations", "f32 | int8 = f32"}},
              .out = {{"y", "x[..., N]"}},
              .requirements = {},
              .fuses = {}};
  text.in.push_back(Named{"bias", gates ? "float32[2*N]?" : "float32[N]?"});
  text.in.push_back(Named{"residual", "x[..., N]?"});
  text.in.push_back(Named{"norm", "float[K]?"});
  if (normed) {
    text.attributes.push_back({"epsilon", "float = 1e-5"});
    text.fuses.push_back({"rmsNorm", {{"x", "x"}, {"weight", "norm"}}, {{"y", "normed"}}});
  }
  text.fuses.push_back({"linear", {{"x", normed ? "normed" : "x"}, {"w", "w"}, {"bias", "bias"}}, {{"y", y}}});
  if (gates) text.fuses.push_back({"siluMul", {{"x", "product"}}, {{"y", "y"}}});
  if (sum) {
    const bool first = behind == Behind::kSumOfProduct;
    text.fuses.push_back(
        {"add", {Pair{first ? "a" : "b", "product"}, Pair{first ? "b" : "a", "residual"}}, {{"y", "y"}}});
  }
  return own(text, linear, takes_product);
}

// attention of queries and keys that are turned on their way.
std::shared_ptr<const Kernel> rope_attention() {
  return own({.name = "ropeAttention",
              .in = {{"keys", "inout cache[P, G, L, D]"},
                     {"values", "inout keys[P, G, L, D]"},
                     {"qkv", "float[T, (H+2*G)*D]"},
                     {"position", "int32[T]"},
                     {"pages", "int32[B, M]?"},
                     {"rows", "int32[B+1]?"},
                     {"keyScales", "inout float32[P, G, L]?"},
                     {"valueScales", "inout float32[P, G, L]?"},
                     {"cos", "float32[A, R]"},
                     {"sin", "float32[A, R]"},
                     {"angles", "int32[T]"}},
              .attributes = {{"window", "int = 0"}, {"scale", "float = 0"}, {"headDim", "int"}, {"heads", "int = 0"}},
              .out = {{"y", "qkv[T, H*D]"}},
              .requirements = {"H/G >= 1"},
              .fuses = {{"rotaryEmbedding",
                         {{"x", "qkv"}, {"cos", "cos"}, {"sin", "sin"}, {"position", "angles"}},
                         {{"y", "turned"}}},
                        {"attention",
                         {{"keys", "keys"},
                          {"values", "values"},
                          {"qkv", "turned"},
                          {"position", "position"},
                          {"pages", "pages"},
                          {"rows", "rows"},
                          {"keyScales", "keyScales"},
                          {"valueScales", "valueScales"}},
                         {{"y", "y"}}}}},
             attention, takes_rope);
}

}  // namespace

OpFunction own_function(const Kernel& kernel) { return static_cast<const OwnKernel&>(kernel).run; }

bool own_takes(const Call& call) {
  const auto takes = static_cast<const OwnKernel&>(*call.kernel).takes;
  return !takes || takes(call);
}

std::span<const std::shared_ptr<const Kernel>> fused() {
  using enum Behind;
  static const std::vector<std::shared_ptr<const Kernel>> ops{
      product(true, kGates),           product(true, kSumOfProduct),
      product(true, kSumWithProduct),  product(false, kSumOfProduct),
      product(false, kSumWithProduct), product(false, kGates),
      product(true, kNothing),         rope_attention()};
  return ops;
}

}  // namespace lophi::cuda
