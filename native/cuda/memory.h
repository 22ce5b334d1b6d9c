// Memory of one GPU, and pinned memory of the host, which its copies run to and from beside other work.
#pragma once
#include "core/pool.h"
#include "cuda/gpu.h"

namespace lophi::cuda {

std::shared_ptr<BlockPool> device_pool(std::shared_ptr<const Gpu> gpu, uint64_t total);
std::shared_ptr<BlockPool> pinned_pool(std::shared_ptr<const Gpu> gpu);

inline CUdeviceptr address_of(const Buffer& buffer) {
  return reinterpret_cast<CUdeviceptr>(static_cast<const Block&>(buffer).data);
}
// First byte of a view.
inline CUdeviceptr address_of(const View& view) { return address_of(*view.buffer) + view.offset; }

// The same as kernels take it.
template <class T = void>
T* pointer_to(const Buffer& buffer) {
  return reinterpret_cast<T*>(address_of(buffer));
}
template <class T = void>
T* pointer_to(const View& view) {
  return reinterpret_cast<T*>(address_of(view));
}

}  // namespace lophi::cuda
