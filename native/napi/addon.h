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
  Napi::FunctionReference error_factory;                  // (code, message) => Error
  std::shared_ptr<Waiter> loader;                         // opens devices and makes weights off the JS thread
  std::map<Device*, std::weak_ptr<DeviceState>> devices;  // a device opened twice here shares stream and waiter
};

inline Addon& addon_of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }

}  // namespace lophi::js
