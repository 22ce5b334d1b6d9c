#include "core/uses.h"

#include "core/check.h"
#include "core/error.h"
#include "core/ops.gen.h"

namespace lophi {
namespace {

// Memory that nobody has: what is asked looks at dtypes and shapes alone.
View view_of(DType dtype, Shape shape) {
  View view{std::make_shared<Buffer>(), 0, dtype, std::move(shape)};
  view.buffer->bytes = view.bytes();
  return view;
}

std::vector<Attribute> attribute(int64_t value) {
  std::vector<Attribute> attributes(1);
  attributes[0].integer = value;
  return attributes;
}

Call call_of(const WeightUse& use, const std::shared_ptr<const Weight>& weight) {
  if (use.op == "embedding") {
    std::vector<Argument> arguments{weight, view_of(DType::kInt32, {1})};
    return check(info_of(Op::kEmbedding), std::move(arguments), attribute(static_cast<int64_t>(DType::kFloat32)), {});
  }
  if (use.op != "linear") throw argument_error("weight: uses must be linear or embedding, but one is " + use.op);
  using Activations = args::Linear::Activations;
  std::vector<Argument> arguments{view_of(DType::kFloat32, {1, weight->columns}), weight};
  return check(info_of(Op::kLinear), std::move(arguments),
               attribute(static_cast<int64_t>(use.int8 ? Activations::kInt8 : Activations::kF32)), {});
}

}  // namespace

void check_uses(const Device& device, const WeightSpec& spec, std::span<const WeightUse> uses) {
  if (uses.empty()) return;
  const auto weight = std::make_shared<const Weight>(spec);
  for (const WeightUse& use : uses)
    if (const std::string refused = device.refusal(call_of(use, weight)); !refused.empty())
      throw Error("ERR_OP_UNSUPPORTED",
                  refused + " (a weight in " + weight->formats() + " for " + device.info().id + ")");
}

}  // namespace lophi
