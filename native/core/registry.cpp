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

DeviceList list_devices(std::string_view only) {
  DeviceList list;
  for (const Backend* backend : backends()) {
    if (!only.empty() && only != backend->name) continue;
    std::string reason;
    std::vector<DeviceInfo> found = backend->list(reason);
    if (found.empty() || !reason.empty()) list.absent.push_back({backend->name, reason});
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
      throw argument_error("openDevice: threads of " + id + " must be what it was opened with first, " +
                           (threads ? std::to_string(threads) : "one per core") + ", but they are " +
                           std::to_string(options.threads) + "; leave them out, or dispose it everywhere first");
    return device;
  }
  std::string why;
  for (const Backend* backend : backends()) {
    if (!id.starts_with(backend->name)) continue;  // nobody waits for the driver of another
    const std::vector<DeviceInfo> found = backend->list(why);
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i].id != id) continue;
      auto device = backend->open(static_cast<int>(i), options);
      open[id] = {device, options.threads};
      return device;
    }
  }
  throw Error("ERR_DEVICE_ABSENT", "openDevice: " + id + " must be a device of this machine, but " +
                                       (why.empty() ? "there is none of that name" : why));
}

}  // namespace lophi
