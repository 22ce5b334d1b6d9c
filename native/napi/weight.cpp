#include "core/mapping.h"
#include "core/repack.h"
#include "napi/exports.h"
#include "napi/tensor.h"

namespace lophi::js {

WeightHandle& weight_of(const Napi::Value& value) {
  auto& handle = unwrap<WeightHandle>(value);
  if (!handle.weight) throw Error("ERR_DISPOSED", "weight: must be live, but it was disposed");
  return handle;
}

namespace {

// A Uint8Array, which is copied, { file, offset, bytes }, which is mapped, or nothing.
Bytes payload_of(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (value.IsUndefined() || value.IsNull()) return {};
  if (value.IsTypedArray()) return copy_bytes(bytes_of(value));
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

WeightGroups groups_of(const Napi::Value& value) {
  if (!value.IsObject()) return {};
  const auto from = value.As<Napi::Object>();
  WeightGroups groups;
  groups.size = integer_of(from.Get("size"), "size");
  if (groups.size < 1)
    throw argument_error("weight: a group must not be empty, but it is " + std::to_string(groups.size));
  groups.scale_type = enum_of<DType>(from, "scaleType", kDTypeCount);
  groups.scales = payload_of(from, "scales");
  groups.zeros = payload_of(from, "zeros");
  groups.zero_type = enum_of<ZeroType>(from, "zeroType", 3);
  groups.is_signed = from.Get("signed").ToBoolean();
  groups.g_idx = payload_of(from, "gIdx");
  return groups;
}

WeightPart part_of(const Napi::Value& value) {
  if (!value.IsObject()) throw argument_error("weight: a part must be an object");
  const auto from = value.As<Napi::Object>();
  WeightPart part;
  part.format = enum_of<WeightFormat>(from, "format", kFormatCount);
  part.packing = enum_of<WeightPacking>(from, "packing", static_cast<int64_t>(std::size(kPackings)));
  part.rows = from.Get("rows").IsNull() ? -1 : integer_of(from.Get("rows"), "rows");
  part.data = payload_of(from, "data");
  part.groups = groups_of(from.Get("groups"));
  return part;
}

}  // namespace

// (device, rows, columns, parts) -> handle
Napi::Value create_weight(const Napi::CallbackInfo& info) {
  auto handle = std::make_unique<WeightHandle>();
  handle->state = shared_device_of(info[0]);
  WeightSpec spec{integer_of(info[1], "rows"), integer_of(info[2], "columns"), {}};
  const auto parts = info[3].As<Napi::Array>();
  for (uint32_t i = 0; i < parts.Length(); ++i) spec.parts.push_back(part_of(parts.Get(i)));
  check_weight(spec);
  handle->weight = handle->state->device->weight(repack(std::move(spec)));
  return wrap(info.Env(), std::move(handle));
}

Napi::Value dispose_weight(const Napi::CallbackInfo& info) {
  auto& handle = unwrap<WeightHandle>(info[0]);
  handle.weight = nullptr;
  handle.state = nullptr;
  return info.Env().Undefined();
}

}  // namespace lophi::js
