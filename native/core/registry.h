#pragma once
#include <span>
#include <string_view>
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
// `only`: of this backend alone; empty: of all. May take as long as a driver takes to load.
DeviceList list_devices(std::string_view only);

// The device named by id; a device that is open already is shared by the whole process. Throws ERR_DEVICE_ABSENT.
std::shared_ptr<Device> open_device(const std::string& id, const OpenOptions& options);

}  // namespace lophi
