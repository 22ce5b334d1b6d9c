#include "core/registry.h"

#include <map>
#include <mutex>

#include "core/error.h"

namespace lophi {

extern const Backend kCpuBackend;
extern const Backend kCudaBackend;
extern const Backend kDmlBackend;

std::span<const Backend* const> backends() {
  static constexpr const Backend* kBackends[] = {&kCudaBackend, &kDmlBackend, &kCpuBackend};
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
  static std::map<std::string, std::pair<std::weak_ptr<Device>, int>> open;  // id -> device, threads
  const std::lock_guard lock(mutex);
  if (const auto& [known, threads] = open[id]; auto device = known.lock()) {
    if (options.threads && options.threads != threads)
      throw argument_error("openDevice: " + id + " must be opened with the threads it was opened with before, " +
                           std::to_string(threads) + " (0 = all cores), but they are " +
                           std::to_string(options.threads));
    return device;
  }
  std::string why;
  for (const Backend* backend : backends()) {
    std::string reason;
    const std::vector<DeviceInfo> found = backend->list(reason);
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i].id != id) continue;
      auto device = backend->open(static_cast<int>(i), options);
      open[id] = {device, options.threads};
      return device;
    }
    if (id.starts_with(backend->name)) why = reason;
  }
  throw Error("ERR_DEVICE_ABSENT", "openDevice: " + id + " must be a device of this machine, but " +
                                       (why.empty() ? "there is none of that name" : why));
}

}  // namespace lophi
