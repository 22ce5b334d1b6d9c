#pragma once
#include <span>
#include <vector>

#include "core/backend.h"

namespace lophi {

// Backends in order of preference.
std::span<const Backend* const> backends();

struct DeviceList {
  struct Absent {
    std::string backend, reason;
  };
  std::vector<DeviceInfo> devices;
  std::vector<Absent> absent;
};
DeviceList list_devices();

// The device named by id; a device that is open already is shared by the whole process. Throws ERR_DEVICE_ABSENT.
std::shared_ptr<Device> open_device(const std::string& id, const OpenOptions& options);

}  // namespace lophi
