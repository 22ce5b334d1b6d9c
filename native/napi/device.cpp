#include "napi/device.h"

#include "core/env.h"
#include "core/images.h"
#include "core/registry.h"
#include "napi/exports.h"
#include "napi/landing.h"

namespace lophi::js {

Napi::Promise DeviceState::settled(Napi::Env env, Waiter::Result result, std::shared_ptr<Landing> landing) {
  const Ticket ticket = stream->submit();
  // The job keeps the device open: a promise settles even when nobody holds its tensors any more.
  const auto self = shared_from_this();
  const auto wait = [self, ticket, landing] {
    const Arrival arrival(landing.get());
    self->stream->wait(ticket);
  };
  return waiter->promise(env, wait, std::move(result), [self] { self->stream->recover(); });
}

void DeviceState::must_not_record(const char* what) const {
  if (recorder)
    throw Error("ERR_RECORDING", std::string(what) + ": must not be called while a plan is recorded on " + id);
}

std::shared_ptr<DeviceState> shared_device_of(const Napi::Value& value) {
  auto& state = unwrap<DeviceHandle>(value).state;
  if (!state) throw Error("ERR_DISPOSED", "device: must be open, but it was disposed");
  ++state->counters.calls;
  return state;
}

Waiter& loader_of(Napi::Env env) {
  auto& loader = addon_of(env).loader;
  if (!loader) loader = std::make_shared<Waiter>(env, "lophi.load");
  return *loader;
}

DeviceState& device_of(const Napi::Value& value) { return *shared_device_of(value); }

int64_t integer_of(const Napi::Value& value, const char* what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0.5;
  if (!(number >= -9007199254740991.0 && number <= 9007199254740991.0) ||
      number != static_cast<double>(static_cast<int64_t>(number)))
    throw argument_error(std::string(what) + ": must be a whole number, but it is " + value.ToString().Utf8Value());
  return static_cast<int64_t>(number);
}

Shape shape_of(const Napi::Value& value) {
  if (!value.IsArray()) throw argument_error("shape: must be an array of whole numbers");
  const auto array = value.As<Napi::Array>();
  if (array.Length() > kMaxRank)
    throw shape_error("shape: must have at most " + std::to_string(kMaxRank) + " axes, but it has " +
                      std::to_string(array.Length()));
  Shape shape;
  double count = 1;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    shape.push_back(integer_of(array.Get(i), "shape"));
    if (shape.back() < 0) throw shape_error("shape: must hold no negative dim, but it is " + to_string(shape));
    if (shape.back()) count *= static_cast<double>(shape.back());  // strides of an empty shape must not overflow either
  }
  if (count > 9007199254740991.0)
    throw shape_error("shape: must have dims with a product of at most 2^53, but it is " + to_string(shape));
  return shape;
}

DType dtype_of(const Napi::Value& value) {
  const int64_t index = integer_of(value, "dtype");
  if (index < 0 || index >= kDTypeCount)
    throw argument_error("dtype: must be known, but it is number " + std::to_string(index));
  return static_cast<DType>(index);
}

std::span<const std::byte> bytes_of(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw argument_error("data: must be a Uint8Array");
  const auto array = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const std::byte*>(array.Data()), array.ElementLength()};
}

Bytes copy_bytes(std::span<const std::byte> from) {
  auto owner = std::make_shared<std::vector<std::byte>>(from.begin(), from.end());
  return {owner, owner->data(), owner->size(), nullptr};
}

namespace {

Napi::Value value_of(Napi::Env env, const DeviceInfo::Detail& detail) {
  if (const auto* number = std::get_if<double>(&detail)) return Napi::Number::New(env, *number);
  if (const auto* text = std::get_if<std::string>(&detail)) return Napi::String::New(env, *text);
  auto list = Napi::Array::New(env);
  for (const std::string& word : std::get<std::vector<std::string>>(detail)) list[list.Length()] = word;
  return list;
}

Napi::Object describe(Napi::Env env, const DeviceInfo& info) {
  auto object = Napi::Object::New(env);
  object["id"] = info.id;
  object["backend"] = info.backend;
  object["name"] = info.name;
  object["vendor"] = info.vendor;
  object["memory"] = static_cast<double>(info.memory);
  object["software"] = Napi::Boolean::New(env, info.software);
  auto details = Napi::Object::New(env);
  for (const auto& [key, value] : info.details) details[key] = value_of(env, value);
  object["details"] = details;
  return object;
}

// Finds or makes this environment's state of a device.
std::shared_ptr<DeviceState> state_of(Napi::Env env, std::shared_ptr<Device> device) {
  Addon& addon = addon_of(env);
  auto& known = addon.devices[device.get()];
  if (auto state = known.lock()) return state;
  auto state = std::make_shared<DeviceState>();
  state->id = device->info().id;
  state->stream = device->stream();
  state->device = std::move(device);
  state->waiter = std::make_unique<Waiter>(env, "lophi.device");
  known = state;
  return state;
}

}  // namespace

// ({ name: value }): the environment variables of core/env.h
Napi::Value set_environment(const Napi::CallbackInfo& info) {
  const auto from = info[0].As<Napi::Object>();
  std::map<std::string, std::string> values;
  for (const char* name : env::kNames)
    if (const Napi::Value value = from.Get(name); value.IsString()) values[name] = value.As<Napi::String>().Utf8Value();
  env::tell(std::move(values));
  return info.Env().Undefined();
}

// ([name, ...])
Napi::Value set_image_names(const Napi::CallbackInfo& info) {
  const auto array = info[0].As<Napi::Array>();
  std::vector<std::string> names;
  for (uint32_t i = 0; i < array.Length(); ++i) names.push_back(array.Get(i).ToString().Utf8Value());
  lophi::set_image_names(std::move(names));
  return info.Env().Undefined();
}

// (backend | null) -> Promise of both lists: a driver may take seconds to load.
Napi::Value list_devices(const Napi::CallbackInfo& info) {
  const std::string only = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  auto list = std::make_shared<DeviceList>();
  return loader_of(info.Env())
      .promise(
          info.Env(), [=] { *list = lophi::list_devices(only); },
          [=](Napi::Env env) {
            auto devices = Napi::Array::New(env), absent = Napi::Array::New(env);
            for (const DeviceInfo& device : list->devices) devices[devices.Length()] = describe(env, device);
            for (const auto& [backend, reason] : list->absent) {
              auto object = Napi::Object::New(env);
              object["backend"] = backend;
              object["reason"] = reason;
              absent[absent.Length()] = object;
            }
            auto result = Napi::Object::New(env);
            result["devices"] = devices;
            result["absent"] = absent;
            return result;
          });
}

// (id, threads, Uint8Array | null) -> Promise of a handle
Napi::Value open_device(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string id = info[0].As<Napi::String>().Utf8Value();
  OpenOptions options{static_cast<int>(integer_of(info[1], "threads")), {}};
  if (!info[2].IsNull()) options.image = copy_bytes(bytes_of(info[2]));
  auto opened = std::make_shared<std::shared_ptr<Device>>();
  return loader_of(env).promise(
      env, [=] { *opened = lophi::open_device(id, options); },
      [=](Napi::Env js) {
        auto handle = std::make_unique<DeviceHandle>();
        handle->state = state_of(js, std::move(*opened));
        return wrap(js, std::move(handle));
      });
}

Napi::Value device_info(const Napi::CallbackInfo& info) {
  return describe(info.Env(), device_of(info[0]).device->info());
}

Napi::Value device_memory(const Napi::CallbackInfo& info) {
  const MemoryInfo memory = device_of(info[0]).device->memory();
  auto object = Napi::Object::New(info.Env());
  object["used"] = static_cast<double>(memory.used);
  object["peak"] = static_cast<double>(memory.peak);
  object["cached"] = static_cast<double>(memory.cached);
  object["total"] = static_cast<double>(memory.total);
  return object;
}

Napi::Value device_counters(const Napi::CallbackInfo& info) {
  const Counters& counters =
      unwrap<DeviceHandle>(info[0]).state ? unwrap<DeviceHandle>(info[0]).state->counters : device_of(info[0]).counters;
  auto object = Napi::Object::New(info.Env());
  object["calls"] = counters.calls;
  object["replays"] = counters.replays;
  object["bytesRead"] = counters.bytes_read;
  return object;
}

Napi::Value sync_device(const Napi::CallbackInfo& info) {
  return device_of(info[0]).settled(info.Env(), [](Napi::Env env) { return env.Undefined(); });
}

// Refuses new calls from this handle at once, and settles when what it had enqueued is done.
Napi::Value close_device(const Napi::CallbackInfo& info) {
  auto& handle = unwrap<DeviceHandle>(info[0]);
  if (!handle.state) return info.Env().Undefined();
  handle.state->must_not_record("dispose");
  const auto state = std::exchange(handle.state, nullptr);
  return state->settled(info.Env(), [state](Napi::Env env) { return env.Undefined(); });
}

}  // namespace lophi::js
