#pragma once
#include "napi/device.h"

namespace lophi::js {

struct TensorHandle {
  static constexpr const char* kName = "tensor";
  static constexpr napi_type_tag kTag = {0x6c6f706869000002, 0x2d3a5b7c9e2f4062};
  TensorHandle(Napi::Env env, std::shared_ptr<DeviceState> state, View view, bool owner);
  ~TensorHandle() { drop(); }
  void drop();  // gives the memory back once everything enqueued on it is done; idempotent

  std::shared_ptr<DeviceState> state;
  View view;  // no buffer once disposed

 private:
  ExternalMemory memory_;  // only the tensor that made the buffer counts it
};

// The live tensor behind a value; throws ERR_DISPOSED.
TensorHandle& tensor_of(const Napi::Value& value);

struct WeightHandle {
  static constexpr const char* kName = "weight";
  static constexpr napi_type_tag kTag = {0x6c6f706869000003, 0x3d3a5b7c9e2f4063};
  WeightHandle(Napi::Env env, std::shared_ptr<DeviceState> state, std::shared_ptr<const Weight> weight);
  void drop();  // idempotent

  std::shared_ptr<DeviceState> state;
  std::shared_ptr<const Weight> weight;  // null once disposed

 private:
  ExternalMemory memory_;
};
WeightHandle& weight_of(const Napi::Value& value);

// A tensor as JavaScript gets it: [handle, dtype, shape].
Napi::Value describe_tensor(Napi::Env env, std::shared_ptr<DeviceState> state, const View& view);

}  // namespace lophi::js
