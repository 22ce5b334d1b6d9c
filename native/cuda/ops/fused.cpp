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

// y = linear(x, w, bias) + residual. A sum has its product on either side.
std::shared_ptr<const Kernel> linear_add(bool product_first) {
  const OpText::Pair product{product_first ? "a" : "b", "product"}, residual{product_first ? "b" : "a", "residual"};
  return own({.name = "linearAdd",
              .in = {{"x", "float[..., K]"}, {"w", "weight[N, K]"}, {"bias", "float32[N]?"}, {"residual", "x[..., N]"}},
              .attributes = {{"activations", "f32 | int8 = f32"}},
              .out = {{"y", "x[..., N]"}},
              .requirements = {},
              .fuses = {{"linear", {{"x", "x"}, {"w", "w"}, {"bias", "bias"}}, {{"y", "product"}}},
                        {"add", {product, residual}, {{"y", "y"}}}}},
             linear);
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
  static const std::vector<std::shared_ptr<const Kernel>> ops{linear_add(true), linear_add(false), rope_attention()};
  return ops;
}

}  // namespace lophi::cuda
