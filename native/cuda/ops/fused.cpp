// Ops of CUDA's own: what they replace in a plan, and the function of the op that they extend.
#include "cuda/ops/table.h"

namespace lophi::cuda {
namespace {

struct OwnKernel : Kernel {
  OwnKernel(std::shared_ptr<const OpInfo> op, OpFunction function) : Kernel(std::move(op)), run(function) {}
  const OpFunction run;
};

std::shared_ptr<const Kernel> own(const OpText& text, OpFunction run) {
  return std::make_shared<const OwnKernel>(parse_op(text), run);
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

}  // namespace

OpFunction own_function(const Kernel& kernel) { return static_cast<const OwnKernel&>(kernel).run; }

std::span<const std::shared_ptr<const Kernel>> fused() {
  static const std::vector<std::shared_ptr<const Kernel>> ops{linear_add(true), linear_add(false)};
  return ops;
}

}  // namespace lophi::cuda
