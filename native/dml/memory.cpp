#include "dml/memory.h"

#include <algorithm>

#include "core/error.h"
#include "core/fail.h"
#include "dml/check.h"

namespace lophi::dml {
namespace {

constexpr size_t kPage = 64 << 10;  // what a committed resource takes at least
constexpr uint64_t kMaxCached = uint64_t{512} << 20;
constexpr uint64_t kMaxBytes = uint64_t{1} << 32;  // shaders and DirectML address a buffer by 32 bits

}  // namespace

ComPtr<ID3D12Resource> create_buffer(ID3D12Device* device, D3D12_HEAP_TYPE heap, size_t bytes) {
  D3D12_HEAP_PROPERTIES properties{};
  properties.Type = heap;
  D3D12_RESOURCE_DESC desc{};
  desc.Dimension = D3D12_RESOURCE_DIMENSION_BUFFER;
  desc.Width = bytes;
  desc.Height = desc.DepthOrArraySize = desc.MipLevels = 1;
  desc.SampleDesc.Count = 1;
  desc.Layout = D3D12_TEXTURE_LAYOUT_ROW_MAJOR;
  D3D12_RESOURCE_STATES state = D3D12_RESOURCE_STATE_COMMON;
  if (heap == D3D12_HEAP_TYPE_DEFAULT) desc.Flags = D3D12_RESOURCE_FLAG_ALLOW_UNORDERED_ACCESS;
  if (heap == D3D12_HEAP_TYPE_UPLOAD) state = D3D12_RESOURCE_STATE_GENERIC_READ;
  if (heap == D3D12_HEAP_TYPE_READBACK) state = D3D12_RESOURCE_STATE_COPY_DEST;
  ComPtr<ID3D12Resource> resource;
  check(device->CreateCommittedResource(&properties, D3D12_HEAP_FLAG_NONE, &desc, state, nullptr,
                                        IID_PPV_ARGS(&resource)),
        "ID3D12Device::CreateCommittedResource", device);
  return resource;
}

std::shared_ptr<Buffer> Memory::alloc(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto fail = [&] {
    return Error("ERR_OUT_OF_MEMORY", id_ + ": " + std::to_string(bytes) + " bytes must be free, but " +
                                          std::to_string(info_.used) + " of " + std::to_string(info_.total) +
                                          " are in use");
  };
  if (bytes > info_.total || should_fail(Failure::kAlloc)) throw fail();
  if (bytes >= kMaxBytes)
    throw range_error(id_ + ": a buffer must have less than 2^32 bytes, but " + std::to_string(bytes) +
                      " are asked for");
  const size_t wanted = std::max(kPage, (bytes + kPage - 1) / kPage * kPage);
  ComPtr<ID3D12Resource> resource;
  size_t capacity = wanted;
  // A kept resource serves when at most an eighth of it would lie idle.
  if (const auto found = free_.lower_bound(wanted); found != free_.end() && found->first <= wanted + wanted / 8) {
    capacity = found->first;
    resource = std::move(found->second);
    info_.cached -= capacity;
    free_.erase(found);
  } else {
    try {
      resource = create_buffer(device_.Get(), D3D12_HEAP_TYPE_DEFAULT, wanted);
    } catch (const Error& error) {
      if (error.code() != "ERR_OUT_OF_MEMORY") throw;
      free_.clear();
      info_.cached = 0;
      try {
        resource = create_buffer(device_.Get(), D3D12_HEAP_TYPE_DEFAULT, wanted);
      } catch (const Error& again) {
        if (again.code() == "ERR_OUT_OF_MEMORY") throw fail();
        throw;
      }
    }
  }
  auto buffer = std::make_shared<DmlBuffer>(shared_from_this(), std::move(resource), bytes, capacity);
  info_.used += capacity;
  info_.peak = std::max(info_.peak, info_.used);
  return buffer;
}

void Memory::release(ComPtr<ID3D12Resource> resource, size_t capacity) {
  const std::lock_guard lock(mutex_);
  info_.used -= capacity;
  if (info_.cached + capacity > kMaxCached) return;
  free_.emplace(capacity, std::move(resource));
  info_.cached += capacity;
}

MemoryInfo Memory::info() const {
  const std::lock_guard lock(mutex_);
  return info_;
}

}  // namespace lophi::dml
