#include "core/mapping.h"
#include "napi/exports.h"
#include "napi/tensor.h"

namespace lophi::js {

WeightHandle& weight_of(const Napi::Value& value) {
  auto& handle = unwrap<WeightHandle>(value);
  if (!handle.weight) throw Error("ERR_DISPOSED", "weight: must be live, but it was disposed");
  return handle;
}

namespace {

// One part of the rows: a Uint8Array, which is copied, or { file, offset, bytes }, which is mapped.
Bytes segment_of(const Napi::Value& value) {
  if (value.IsTypedArray()) return copy_bytes(bytes_of(value));
  if (!value.IsObject()) throw argument_error("weight: data must be typed arrays or file ranges");
  const auto range = value.As<Napi::Object>();
  const int64_t offset = integer_of(range.Get("offset"), "offset"), bytes = integer_of(range.Get("bytes"), "bytes");
  if (offset < 0 || bytes < 0) throw argument_error("weight: offset and bytes must not be negative");
  return map_range(range.Get("file").ToString().Utf8Value(), static_cast<uint64_t>(offset),
                   static_cast<uint64_t>(bytes));
}

}  // namespace

// (device, format, rows, columns, segments) -> handle
Napi::Value create_weight(const Napi::CallbackInfo& info) {
  auto handle = std::make_unique<WeightHandle>();
  handle->state = shared_device_of(info[0]);
  const int64_t format = integer_of(info[1], "format");
  if (format < 0 || format >= kFormatCount)
    throw argument_error("weight: format must be known, but it is number " + std::to_string(format));
  WeightSpec spec{static_cast<WeightFormat>(format), integer_of(info[2], "rows"), integer_of(info[3], "columns"), {}};
  const auto segments = info[4].As<Napi::Array>();
  for (uint32_t i = 0; i < segments.Length(); ++i) spec.segments.push_back(segment_of(segments.Get(i)));
  check_weight(spec);
  handle->weight = handle->state->device->weight(std::move(spec));
  return wrap(info.Env(), std::move(handle));
}

Napi::Value dispose_weight(const Napi::CallbackInfo& info) {
  auto& handle = unwrap<WeightHandle>(info[0]);
  handle.weight = nullptr;
  handle.state = nullptr;
  return info.Env().Undefined();
}

}  // namespace lophi::js
