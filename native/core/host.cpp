#include "core/host.h"

#include <new>
#include <string>

#include "core/error.h"
#include "core/fail.h"

namespace lophi {

HostBytes host_bytes(size_t size) {
  auto* data = should_fail(Failure::kAlloc) ? nullptr : new (std::nothrow) uint8_t[size];
  if (!data)
    throw Error("ERR_OUT_OF_MEMORY",
                "weight: the machine must have " + std::to_string(size) + " bytes free, but it has not");
  std::shared_ptr<const uint8_t[]> owner(data);
  return {{std::move(owner), reinterpret_cast<const std::byte*>(data), size, false}, data};
}

}  // namespace lophi
