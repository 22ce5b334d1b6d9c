// What one JavaScript environment (main thread or worker) keeps. There is no other state than this and core's registries.
#pragma once
#include <napi.h>

#include <map>
#include <memory>

namespace lophi {
struct Device;
}

namespace lophi::js {

class Waiter;
struct DeviceState;

struct Addon {
  Napi::FunctionReference error_factory;                  // (code, message, file, stack) => Error
  std::shared_ptr<Waiter> loader;                         // opens devices and makes weights off the JS thread
  std::map<Device*, std::weak_ptr<DeviceState>> devices;  // a device opened twice here shares stream and waiter
  // Where run_op says of the outputs that it made: dtype, rank and dims of each. JavaScript's, for want of arrays to make.
  Napi::Reference<Napi::Float64Array> reply;
  double* reply_data = nullptr;
  size_t reply_size = 0;
};

inline Addon& addon_of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }

}  // namespace lophi::js
