// Memory of one CPU device: counted, aligned, and kept for reuse, because fresh pages cost a fault per 4 KiB.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "core/backend.h"

namespace lophi::cpu {

class Memory : public std::enable_shared_from_this<Memory> {
 public:
  explicit Memory(uint64_t total) { info_.total = total; }
  ~Memory();

  std::shared_ptr<Buffer> alloc(size_t bytes);  // throws ERR_OUT_OF_MEMORY
  MemoryInfo info() const;

 private:
  friend struct CpuBuffer;
  void release(void* data, size_t capacity);
  void drop_cache();  // under the mutex

  mutable std::mutex mutex_;
  MemoryInfo info_;
  std::multimap<size_t, void*> free_;  // capacity -> block
};

struct CpuBuffer : Buffer {
  CpuBuffer(std::shared_ptr<Memory> memory, void* data, size_t bytes, size_t capacity)
      : data(data), memory_(std::move(memory)), capacity_(capacity) {
    this->bytes = bytes;
  }
  ~CpuBuffer() override { memory_->release(data, capacity_); }
  void* const data;

 private:
  std::shared_ptr<Memory> memory_;
  size_t capacity_;
};

// First byte of a view.
inline std::byte* data_of(const View& view) {
  return static_cast<std::byte*>(static_cast<CpuBuffer&>(*view.buffer).data) + view.offset;
}
template <class T>
T* data_as(const View& view) {
  return reinterpret_cast<T*>(data_of(view));
}

}  // namespace lophi::cpu
