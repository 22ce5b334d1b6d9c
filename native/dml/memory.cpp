#include "dml/memory.h"

#include "core/error.h"
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

namespace {

class Resources : public RawMemory {
 public:
  Resources(ComPtr<ID3D12Device> device, std::string id) : device_(std::move(device)), id_(std::move(id)) {}
  void* alloc(size_t bytes) override {
    if (bytes >= kMaxBytes)
      throw range_error(id_ + ": a buffer must have less than 2^32 bytes, but " + std::to_string(bytes) +
                        " are asked for");
    try {
      return create_buffer(device_.Get(), D3D12_HEAP_TYPE_DEFAULT, bytes).Detach();
    } catch (const Error& error) {
      if (error.code() != "ERR_OUT_OF_MEMORY") throw;
      return nullptr;
    }
  }
  void free(void* block) noexcept override { static_cast<ID3D12Resource*>(block)->Release(); }

 private:
  ComPtr<ID3D12Device> device_;
  const std::string id_;
};

}  // namespace

std::shared_ptr<BlockPool> make_pool(ComPtr<ID3D12Device> device, std::string id, uint64_t total) {
  auto raw = std::make_unique<Resources>(std::move(device), id);
  return std::make_shared<BlockPool>(BlockPool::Options{std::move(id), total, kPage, kMaxCached}, std::move(raw));
}

}  // namespace lophi::dml
