#include <deque>

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
  const uint32_t count = values.Length();
  arguments.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::Value value = values[i];
    const auto [object, kind] = handle_of(value);
    if (kind == &kTag<TensorHandle>) {
      const TensorHandle& tensor = live(*static_cast<TensorHandle*>(object));
      same_device(op, device, *tensor.state);
      arguments.emplace_back(tensor.view);
    } else if (kind == &kTag<WeightHandle>) {
      const WeightHandle& weight = live(*static_cast<WeightHandle*>(object));
      same_device(op, device, *weight.state);
      arguments.emplace_back(weight.weight);
    } else if (!object && (value.IsNull() || value.IsUndefined())) {
      arguments.emplace_back();
    } else {
      throw argument_error(op.name + ": operands must be tensors and weights, but one is another object");
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

const char* kind_name(AttributeSpec::Kind kind) {
  static constexpr const char* kNames[] = {"int", "float", "bool", "dtype", "ints", "choice"};
  return kNames[static_cast<int>(kind)];
}

Napi::Object describe(Napi::Env env, const OpInfo& op) {
  auto in = Napi::Array::New(env), attributes = Napi::Array::New(env), out = Napi::Array::New(env);
  for (const Operand& operand : op.in) {
    auto object = Napi::Object::New(env);
    object["name"] = operand.name;
    object["variadic"] = operand.signature.variadic;
    object["optional"] = operand.signature.optional;
    in[in.Length()] = object;
  }
  for (const AttributeSpec& spec : op.attributes) {
    auto object = Napi::Object::New(env), words = Napi::Array::New(env).As<Napi::Object>();
    for (uint32_t i = 0; i < spec.words.size(); ++i) words.Set(i, spec.words[i]);
    object["name"] = spec.name;
    object["kind"] = kind_name(spec.kind);
    object["words"] = words;
    object["initial"] = spec.initial ? Napi::String::New(env, *spec.initial) : env.Null();
    attributes[attributes.Length()] = object;
  }
  for (const Operand& output : op.out) out[out.Length()] = output.name;
  auto object = Napi::Object::New(env);
  object["name"] = op.name;
  object["in"] = in;
  object["attributes"] = attributes;
  object["out"] = out;
  return object;
}

class Reply {
 public:
  explicit Reply(Addon& addon) : at_(addon.reply_data), end_(addon.reply_data + addon.reply_size) {}
  void add(const View& view) {
    if (end_ - at_ < static_cast<std::ptrdiff_t>(2 + view.shape.size()))
      throw std::logic_error("an op has more outputs than the reply holds");
    *at_++ = static_cast<double>(view.dtype);
    *at_++ = static_cast<double>(view.shape.size());
    for (const int64_t dim : view.shape) *at_++ = static_cast<double>(dim);
  }

 private:
  double *at_, *end_;
};

}  // namespace

// ([numbers]) where run_op tells what it made
Napi::Value set_reply(const Napi::CallbackInfo& info) {
  auto array = info[0].As<Napi::Float64Array>();
  Addon& addon = addon_of(info.Env());
  addon.reply = Napi::Persistent(array);
  addon.reply_data = array.Data();
  addon.reply_size = array.ElementLength();
  return info.Env().Undefined();
}

// (device, op, path, operands, attributes, out | null) -> [handle, ...] of the outputs that were not given
Napi::Value run_op(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto state = shared_device_of(info[0]);
  Device& device = *state->device;
  const OpInfo& op = op_of(info[1]);
  const int64_t path = integer_of(info[2], "path");
  if (!is_path(path)) throw argument_error("path: must be known, but it is number " + std::to_string(path));
  auto arguments = arguments_of(op, *state, info[3].As<Napi::Array>());
  std::vector<Attribute> attributes;
  if (!op.attributes.empty()) {
    const auto values = info[4].As<Napi::Array>();
    for (uint32_t i = 0; i < values.Length(); ++i) attributes.push_back(attribute_of(values.Get(i)));
  }
  std::vector<View> out;
  if (!info[5].IsNull())
    for (const Argument& given : arguments_of(op, *state, info[5].As<Napi::Array>())) {
      if (std::holds_alternative<std::shared_ptr<const Weight>>(given))
        throw argument_error(op.name + ": out must be tensors");
      const View* view = std::get_if<View>(&given);
      out.push_back(view ? *view : View{});  // no buffer: the op makes this one
    }

  Call call = check(op, std::move(arguments), std::move(attributes), out);
  call.path = static_cast<int>(path);
  if (const auto refused = device.refusal(call); !refused.empty()) throw Error("ERR_OP_UNSUPPORTED", refused);
  std::vector<View*> made;
  for (View& view : call.out) {
    if (view.buffer) continue;
    view.buffer = state->recorder ? state->recorder->planned(view.bytes()) : device.alloc(view.bytes());
    made.push_back(&view);
  }
  // Only now: a handle would keep its memory until it is collected if a later output found none.
  auto handles = Napi::Array::New(env, made.size());
  Reply reply(addon_of(env));
  for (uint32_t i = 0; i < made.size(); ++i) {
    handles[i] = wrap(env, std::make_unique<TensorHandle>(env, state, *made[i], true));
    reply.add(*made[i]);
  }
  if (state->recorder) {
    state->recorder->add(std::move(call));
    return handles;
  }
  if (const size_t bytes = device.scratch(call)) call.scratch = bytes_view(device.alloc(bytes), bytes);
  state->stream->run(std::move(call));
  return handles;
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

// () -> [{ name, in: [{ name, variadic, optional }], attributes: [{ name, kind, words, initial }], out: [name] }, ...]: the schema
// as parsed here, for whoever calls its ops
Napi::Value describe_ops(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto ops = Napi::Array::New(env);
  for (const OpInfo& op : schema()) ops[ops.Length()] = describe(env, op);
  return ops;
}

// (name, { operand: spec }, { attribute: spec }, { output: spec }, [requirement]) -> an entry as describe_ops gives; throws
// ERR_ARGUMENT for bad grammar
Napi::Value parse_op(const Napi::CallbackInfo& info) {
  std::deque<std::string> texts;  // what the views below look at
  const auto keep = [&](const Napi::Value& value) -> std::string_view {
    return texts.emplace_back(value.ToString().Utf8Value());
  };
  const auto named = [&](const Napi::Value& value) {
    std::vector<OpText::Named> list;
    const auto object = value.As<Napi::Object>();
    const Napi::Array names = object.GetPropertyNames();
    for (uint32_t i = 0; i < names.Length(); ++i) {
      const Napi::Value name = names.Get(i);
      list.push_back({keep(name), keep(object.Get(name))});
    }
    return list;
  };
  OpText text{keep(info[0]), named(info[1]), named(info[2]), named(info[3]), {}, false, {}};
  const auto requirements = info[4].As<Napi::Array>();
  for (uint32_t i = 0; i < requirements.Length(); ++i) text.requirements.push_back(keep(requirements.Get(i)));
  return describe(info.Env(), *lophi::parse_op(text));
}

// ("layer.7.mlp", stack) -> the number of this place; '' where no stack is wanted
Napi::Value intern_path(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>(), stack = info[1].As<Napi::String>();
  return Napi::Number::New(info.Env(), lophi::intern_path(path, stack));
}

}  // namespace lophi::js
