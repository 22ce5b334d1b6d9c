// Direct3D 12 is Windows' own: elsewhere the backend has no device, and says so.
#ifndef _WIN32
#include "core/backend.h"

namespace lophi {
namespace {

std::vector<DeviceInfo> list(std::string& reason) {
  reason = "needs Windows";
  return {};
}

}  // namespace

extern const Backend kDmlBackend;
const Backend kDmlBackend{"dml", list, nullptr, [](Op) { return false; }};

}  // namespace lophi
#endif
