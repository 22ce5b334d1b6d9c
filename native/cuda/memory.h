// Memory of one GPU, counted and kept for reuse (cuMemFree waits for the whole device), and pinned memory of the host.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "core/backend.h"
#include "cuda/gpu.h"

namespace lophi::cuda {

// What alloc and free are for a kind of memory.
struct Allocator {
  CUresult (*alloc)(const Driver& driver, void** block, size_t bytes);
  void (*free)(const Driver& driver, void* block);
  const char* call;
};
extern const Allocator kDeviceMemory, kPinnedMemory;

class Memory : public std::enable_shared_from_this<Memory> {
 public:
  // Keeps at most `max_cached` bytes that nobody uses.
  Memory(std::shared_ptr<const Gpu> gpu, const Allocator& allocator, uint64_t total, uint64_t max_cached)
      : gpu_(std::move(gpu)), allocator_(allocator), max_cached_(max_cached) {
    info_.total = total;
  }
  ~Memory();

  // Throws ERR_OUT_OF_MEMORY. The block may be given out again as soon as it is released: streams hold on to what they use.
  std::shared_ptr<struct CudaBuffer> alloc(size_t bytes);
  MemoryInfo info() const;

 private:
  friend struct CudaBuffer;
  void release(void* block, size_t capacity);
  void drop_cache();  // under the mutex

  std::shared_ptr<const Gpu> gpu_;
  const Allocator& allocator_;
  const uint64_t max_cached_;
  mutable std::mutex mutex_;
  MemoryInfo info_;
  std::multimap<size_t, void*> free_;  // capacity -> block
};

struct CudaBuffer : Buffer {
  CudaBuffer(std::shared_ptr<Memory> memory, void* data, size_t bytes, size_t capacity)
      : data(data), memory_(std::move(memory)), capacity_(capacity) {
    this->bytes = bytes;
  }
  ~CudaBuffer() override { memory_->release(data, capacity_); }
  void* const data;  // an address of the device, or of the host for pinned memory

 private:
  std::shared_ptr<Memory> memory_;
  size_t capacity_;
};

inline CUdeviceptr address_of(const Buffer& buffer) {
  return reinterpret_cast<CUdeviceptr>(static_cast<const CudaBuffer&>(buffer).data);
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
