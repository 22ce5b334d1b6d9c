#include "core/registry.h"

#include <map>
#include <mutex>

#include "core/error.h"

namespace lophi {

extern const Backend kCpuBackend;
extern const Backend kDmlBackend;

std::span<const Backend* const> backends() {
  static constexpr const Backend* kBackends[] = {&kDmlBackend, &kCpuBackend};
  return kBackends;
}

DeviceList list_devices() {
  DeviceList list;
  for (const Backend* backend : backends()) {
    std::string reason;
    std::vector<DeviceInfo> found = backend->list(reason);
    if (found.empty()) list.absent.push_back({backend->name, reason});
    for (DeviceInfo& info : found) list.devices.push_back(std::move(info));
  }
  return list;
}

std::shared_ptr<Device> open_device(const std::string& id, const OpenOptions& options) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Device>> open;
  const std::lock_guard lock(mutex);
  if (auto device = open[id].lock()) return device;
  std::string why;
  for (const Backend* backend : backends()) {
    std::string reason;
    const std::vector<DeviceInfo> found = backend->list(reason);
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i].id != id) continue;
      auto device = backend->open(static_cast<int>(i), options);
      open[id] = device;
      return device;
    }
    if (id.starts_with(backend->name)) why = reason;
  }
  throw Error("ERR_DEVICE_ABSENT", "openDevice: " + id + " must be a device of this machine, but " +
                                       (why.empty() ? "there is none of that name" : why));
}

}  // namespace lophi
