// Device memory of one adapter: counted, and kept for reuse, because a committed resource takes the driver long to make.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "core/backend.h"
#include "dml/abi.h"

namespace lophi::dml {

class Memory : public std::enable_shared_from_this<Memory> {
 public:
  Memory(ComPtr<ID3D12Device> device, std::string id, uint64_t total) : device_(std::move(device)), id_(std::move(id)) {
    info_.total = total;
  }

  std::shared_ptr<Buffer> alloc(size_t bytes);  // throws ERR_OUT_OF_MEMORY
  MemoryInfo info() const;

 private:
  friend struct DmlBuffer;
  void release(ComPtr<ID3D12Resource> resource, size_t capacity);

  ComPtr<ID3D12Device> device_;
  const std::string id_;
  mutable std::mutex mutex_;
  MemoryInfo info_;
  std::multimap<size_t, ComPtr<ID3D12Resource>> free_;  // capacity -> resource
};

struct DmlBuffer : Buffer {
  DmlBuffer(std::shared_ptr<Memory> memory, ComPtr<ID3D12Resource> resource, size_t bytes, size_t capacity)
      : resource(std::move(resource)), capacity(capacity), memory_(std::move(memory)) {
    this->bytes = bytes;
  }
  ~DmlBuffer() override { memory_->release(resource, capacity); }
  const ComPtr<ID3D12Resource> resource;
  const size_t capacity;

 private:
  std::shared_ptr<Memory> memory_;
};

inline ID3D12Resource* resource_of(const Buffer& buffer) {
  return static_cast<const DmlBuffer&>(buffer).resource.Get();
}

// A buffer resource in a heap of the given type; mapped where the CPU may see it.
ComPtr<ID3D12Resource> create_buffer(ID3D12Device* device, D3D12_HEAP_TYPE heap, size_t bytes);

}  // namespace lophi::dml
