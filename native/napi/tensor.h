#pragma once
#include "napi/device.h"

namespace lophi::js {

struct TensorHandle {
  static constexpr const char* kName = "tensor";
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
TensorHandle& live(TensorHandle& handle);

struct WeightHandle {
  static constexpr const char* kName = "weight";
  WeightHandle(Napi::Env env, std::shared_ptr<DeviceState> state, std::shared_ptr<const Weight> weight);
  void drop();  // idempotent

  std::shared_ptr<DeviceState> state;
  std::shared_ptr<const Weight> weight;  // null once disposed

 private:
  ExternalMemory memory_;
};
WeightHandle& weight_of(const Napi::Value& value);
WeightHandle& live(WeightHandle& handle);

}  // namespace lophi::js
