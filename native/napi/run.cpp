#include "core/check.h"
#include "core/path.h"
#include "core/registry.h"
#include "napi/exports.h"
#include "napi/tensor.h"

namespace lophi::js {
namespace {

const OpInfo& op_of(const Napi::Value& value) {
  const int64_t op = integer_of(value, "op");
  if (op < 0 || op >= static_cast<int64_t>(kOpCount))
    throw argument_error("op: must be in the schema, but it is number " + std::to_string(op));
  return info_of(static_cast<Op>(op));
}

// Operands of another device are refused: a backend would read its own kind of buffer out of them.
void same_device(const OpInfo& op, const DeviceState& device, const DeviceState& other) {
  if (device.device != other.device)
    throw argument_error(op.name + ": every operand must be on " + device.id + ", but one is on " + other.id);
}

std::vector<Argument> arguments_of(const OpInfo& op, const DeviceState& device, const Napi::Array& values) {
  std::vector<Argument> arguments;
  for (uint32_t i = 0; i < values.Length(); ++i) {
    const Napi::Value value = values.Get(i);
    if (value.IsNull() || value.IsUndefined()) {
      arguments.emplace_back();
    } else if (value.IsExternal() && value.As<Napi::External<void>>().CheckTypeTag(&WeightHandle::kTag)) {
      const WeightHandle& weight = weight_of(value);
      same_device(op, device, *weight.state);
      arguments.emplace_back(weight.weight);
    } else {
      const TensorHandle& tensor = tensor_of(value);
      same_device(op, device, *tensor.state);
      arguments.emplace_back(tensor.view);
    }
  }
  return arguments;
}

// A number serves as integer or float: the op reads the one that it declared.
Attribute attribute_of(const Napi::Value& value) {
  Attribute attribute;
  if (value.IsArray()) {
    const auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) attribute.integers.push_back(integer_of(array.Get(i), "attribute"));
  } else {
    attribute.number = value.ToNumber().DoubleValue();
    const bool whole = attribute.number >= -9007199254740991.0 && attribute.number <= 9007199254740991.0;
    attribute.integer = whole ? static_cast<int64_t>(attribute.number) : 0;
  }
  return attribute;
}

}  // namespace

// (device, op, operands, attributes, out | null, path) -> [[handle, dtype, shape], ...] of the outputs that were not given
Napi::Value run_op(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto state = shared_device_of(info[0]);
  const OpInfo& op = op_of(info[1]);
  const auto arguments = arguments_of(op, *state, info[2].As<Napi::Array>());
  const auto values = info[3].As<Napi::Array>();
  std::vector<Attribute> attributes;
  for (uint32_t i = 0; i < values.Length(); ++i) attributes.push_back(attribute_of(values.Get(i)));
  std::vector<View> out;
  if (info[4].IsArray())
    for (const Argument& given : arguments_of(op, *state, info[4].As<Napi::Array>())) {
      if (std::holds_alternative<std::shared_ptr<const Weight>>(given))
        throw argument_error(op.name + ": out must be tensors");
      const View* view = std::get_if<View>(&given);
      out.push_back(view ? *view : View{});  // no buffer: the op makes this one
    }

  Call call = check(op, arguments, std::move(attributes), out);
  const int64_t path = integer_of(info[5], "path");
  if (!is_path(path)) throw argument_error("path: must be known, but it is number " + std::to_string(path));
  call.path = static_cast<int>(path);
  Device& device = *state->device;
  if (const auto refused = device.refusal(call); !refused.empty()) throw Error("ERR_OP_UNSUPPORTED", refused);
  std::vector<View*> made;
  for (View& view : call.out) {
    if (view.buffer) continue;
    view.buffer = state->recorder ? state->recorder->planned(view.bytes()) : device.alloc(view.bytes());
    made.push_back(&view);
  }
  // Only now: a handle would keep its memory until it is collected if a later output found none.
  auto results = Napi::Array::New(env, made.size());
  for (uint32_t i = 0; i < made.size(); ++i) results[i] = describe_tensor(env, state, *made[i]);
  if (state->recorder) {
    state->recorder->add(std::move(call));
    return results;
  }
  if (const size_t bytes = device.scratch(call)) call.scratch = bytes_view(device.alloc(bytes), bytes);
  state->stream->run(std::move(call));
  return results;
}

// (backend) -> names of the schema's ops that none of its devices has; needs no device
Napi::Value missing_ops(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  auto names = Napi::Array::New(info.Env());
  for (const Backend* backend : backends()) {
    if (backend->name != name) continue;
    for (const OpInfo& op : schema())
      if (!backend->has(op.kind())) names[names.Length()] = op.name;
    return names;
  }
  throw argument_error("missingOps: backend must be one that this build knows, but it is " + name);
}

// ("layer.7.mlp") -> its number
Napi::Value intern_path(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), lophi::intern_path(info[0].As<Napi::String>().Utf8Value()));
}

}  // namespace lophi::js
