#include "dml/memory.h"

#include <algorithm>
#include <list>
#include <map>

#include "core/error.h"
#include "dml/check.h"

namespace lophi::dml {
namespace {

constexpr size_t kAlign = 256;      // of blocks: DirectML's temporary memory begins at such places
constexpr size_t kPage = 64 << 10;  // what a committed resource takes at least
constexpr size_t kSlab = 1 << 20;   // a resource that blocks of less than kPage share
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

// A resource that small blocks share.
class Slab {
 public:
  explicit Slab(ComPtr<ID3D12Resource> resource) : resource_(std::move(resource)), free_{{0, kSlab}} {}
  bool unused() const { return free_.size() == 1 && free_.begin()->second == kSlab; }
  bool holds(const Piece& piece) const { return piece.resource == resource_; }

  // null where no range is long enough
  Piece* take(size_t bytes) {
    const auto range = std::ranges::find_if(free_, [&](const auto& r) { return r.second >= bytes; });
    if (range == free_.end()) return nullptr;
    const auto [offset, size] = *range;
    auto piece = std::make_unique<Piece>(Piece{resource_, offset, bytes});
    if (size > bytes) free_[offset + bytes] = size - bytes;
    free_.erase(offset);
    return piece.release();
  }

  void give_back(const Piece& piece) {
    size_t offset = piece.offset, bytes = piece.shared;
    const auto after = free_.lower_bound(offset);
    if (after != free_.end() && after->first == offset + bytes) {
      bytes += after->second;
      free_.erase(after);
    }
    if (const auto next = free_.lower_bound(offset); next != free_.begin())
      if (const auto before = std::prev(next); before->first + before->second == offset) {
        before->second += bytes;
        return;
      }
    free_[offset] = bytes;
  }

 private:
  ComPtr<ID3D12Resource> resource_;
  std::map<size_t, size_t> free_;  // offset -> bytes
};

class Resources : public RawMemory {
 public:
  Resources(ComPtr<ID3D12Device> device, std::string id) : device_(std::move(device)), id_(std::move(id)) {}
  void* alloc(size_t bytes) override {
    if (bytes >= kMaxBytes)
      throw range_error(id_ + ": a buffer must have less than 2^32 bytes, but " + std::to_string(bytes) +
                        " are asked for");
    try {
      if (bytes >= kPage) return new Piece{create_buffer(device_.Get(), D3D12_HEAP_TYPE_DEFAULT, bytes), 0, 0};
      for (Slab& slab : slabs_)
        if (Piece* piece = slab.take(bytes)) return piece;
      return slabs_.emplace_back(create_buffer(device_.Get(), D3D12_HEAP_TYPE_DEFAULT, kSlab)).take(bytes);
    } catch (const Error& error) {
      if (error.code() != "ERR_OUT_OF_MEMORY") throw;
      return nullptr;
    }
  }

  void free(void* block) noexcept override {
    const std::unique_ptr<Piece> piece(static_cast<Piece*>(block));
    if (!piece->shared) return;
    const auto slab = std::ranges::find_if(slabs_, [&](const Slab& s) { return s.holds(*piece); });
    slab->give_back(*piece);
    if (slab->unused() && slabs_.size() > 1) slabs_.erase(slab);
  }

 private:
  ComPtr<ID3D12Device> device_;
  const std::string id_;
  std::list<Slab> slabs_;
};

}  // namespace

std::shared_ptr<BlockPool> make_pool(ComPtr<ID3D12Device> device, std::string id, uint64_t total) {
  auto raw = std::make_unique<Resources>(std::move(device), id);
  return std::make_shared<BlockPool>(BlockPool::Options{std::move(id), total, kAlign, kMaxCached}, std::move(raw));
}

}  // namespace lophi::dml
