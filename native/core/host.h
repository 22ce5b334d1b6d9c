// Memory of the machine for bytes that a weight is made from.
#pragma once
#include <functional>

#include "core/weight.h"

namespace lophi {

// Bytes that their maker is still writing.
struct HostBytes {
  Bytes bytes;
  uint8_t* data;  // bytes.data; contents undefined
};
using HostAllocate = std::function<HostBytes(size_t size)>;

// From the process's heap. Throws ERR_OUT_OF_MEMORY.
HostBytes host_bytes(size_t size);

}  // namespace lophi
