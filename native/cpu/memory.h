// Memory of the CPU's device, and the address of a view.
#pragma once
#include "core/pool.h"

namespace lophi::cpu {

std::shared_ptr<BlockPool> make_pool(uint64_t total);

// First byte of a view.
inline std::byte* data_of(const View& view) {
  return static_cast<std::byte*>(static_cast<const Block&>(*view.buffer).data) + view.offset;
}
template <class T>
T* data_as(const View& view) {
  return reinterpret_cast<T*>(data_of(view));
}

}  // namespace lophi::cpu
