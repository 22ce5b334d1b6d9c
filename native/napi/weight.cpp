#include <cstring>

#include "core/mapping.h"
#include "core/repack.h"
#include "napi/exports.h"
#include "napi/tensor.h"

namespace lophi::js {

WeightHandle::WeightHandle(Napi::Env env, std::shared_ptr<DeviceState> s, std::shared_ptr<const Weight> w)
    : state(std::move(s)), weight(std::move(w)), memory_(env, weight->device_bytes) {}

void WeightHandle::drop() {
  weight = nullptr;
  state = nullptr;
  memory_.drop();
}

WeightHandle& weight_of(const Napi::Value& value) {
  auto& handle = unwrap<WeightHandle>(value);
  if (!handle.weight) throw Error("ERR_DISPOSED", "weight: must be live, but it was disposed");
  return handle;
}

namespace {

Bytes copy_to(Device& device, std::span<const std::byte> from) {
  const HostBytes copy = device.host(from.size());
  if (!from.empty()) std::memcpy(copy.data, from.data(), from.size());
  return copy.bytes;
}

// A Uint8Array, which is copied, { file, offset, bytes }, which is mapped, or nothing.
Bytes payload_of(Device& device, const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (value.IsUndefined() || value.IsNull()) return {};
  if (value.IsTypedArray()) return copy_to(device, bytes_of(value));
  if (!value.IsObject()) throw argument_error(std::string("weight: ") + name + " must be typed arrays or file ranges");
  const auto range = value.As<Napi::Object>();
  const int64_t offset = integer_of(range.Get("offset"), "offset"), bytes = integer_of(range.Get("bytes"), "bytes");
  if (offset < 0 || bytes < 0) throw argument_error("weight: offset and bytes must not be negative");
  return map_range(range.Get("file").ToString().Utf8Value(), static_cast<uint64_t>(offset),
                   static_cast<uint64_t>(bytes));
}

// The enumerator that a number from JavaScript stands for.
template <class Enum>
Enum enum_of(const Napi::Object& from, const char* name, int64_t count) {
  const int64_t index = integer_of(from.Get(name), name);
  if (index < 0 || index >= count)
    throw argument_error(std::string("weight: ") + name + " must be known, but it is number " + std::to_string(index));
  return static_cast<Enum>(index);
}

WeightGroups groups_of(Device& device, const Napi::Value& value) {
  if (!value.IsObject()) return {};
  const auto from = value.As<Napi::Object>();
  WeightGroups groups;
  groups.size = integer_of(from.Get("size"), "size");
  if (groups.size < 1)
    throw argument_error("weight: a group must not be empty, but it is " + std::to_string(groups.size));
  groups.scale_type = enum_of<DType>(from, "scaleType", kDTypeCount);
  groups.scales = payload_of(device, from, "scales");
  groups.zeros = payload_of(device, from, "zeros");
  groups.zero_type = enum_of<ZeroType>(from, "zeroType", 4);
  groups.is_signed = from.Get("signed").ToBoolean();
  groups.g_idx = payload_of(device, from, "gIdx");
  return groups;
}

WeightPart part_of(Device& device, const Napi::Value& value) {
  if (!value.IsObject()) throw argument_error("weight: a part must be an object");
  const auto from = value.As<Napi::Object>();
  WeightPart part;
  part.format = enum_of<WeightFormat>(from, "format", kFormatCount);
  part.packing = enum_of<WeightPacking>(from, "packing", static_cast<int64_t>(std::size(kPackings)));
  part.rows = from.Get("rows").IsNull() ? -1 : integer_of(from.Get("rows"), "rows");
  part.data = payload_of(device, from, "data");
  part.groups = groups_of(device, from.Get("groups"));
  return part;
}

// What (rows, columns, parts) describe, as it is now: typed arrays may change later.
WeightSpec spec_of(Device& device, const Napi::CallbackInfo& info) {
  WeightSpec spec{integer_of(info[1], "rows"), integer_of(info[2], "columns"), {}};
  const auto parts = info[3].As<Napi::Array>();
  for (uint32_t i = 0; i < parts.Length(); ++i) spec.parts.push_back(part_of(device, parts.Get(i)));
  return spec;
}

// Takes long where parts must be repacked or brought to the memory of another device.
std::shared_ptr<const Weight> make_weight(Device& device, WeightSpec spec) {
  check_weight(spec);
  return device.weight(repack(std::move(spec), [&](size_t bytes) { return device.host(bytes); }));
}

}  // namespace

// (device, rows, columns, parts) -> Promise of a handle
Napi::Value create_weight(const Napi::CallbackInfo& info) {
  const auto state = shared_device_of(info[0]);
  auto spec = std::make_shared<WeightSpec>(spec_of(*state->device, info));
  auto made = std::make_shared<std::shared_ptr<const Weight>>();
  return loader_of(info.Env())
      .promise(
          info.Env(), [=] { *made = make_weight(*state->device, std::move(*spec)); },
          [=](Napi::Env env) { return wrap(env, std::make_unique<WeightHandle>(env, state, std::move(*made))); });
}

// (device, rows, columns, parts) -> handle
Napi::Value create_weight_sync(const Napi::CallbackInfo& info) {
  const auto state = shared_device_of(info[0]);
  auto weight = make_weight(*state->device, spec_of(*state->device, info));
  return wrap(info.Env(), std::make_unique<WeightHandle>(info.Env(), state, std::move(weight)));
}

Napi::Value dispose_weight(const Napi::CallbackInfo& info) {
  unwrap<WeightHandle>(info[0]).drop();
  return info.Env().Undefined();
}

}  // namespace lophi::js
