// Memory that both sides see, for uploads or for downloads: chunks that are used again once nobody holds them.
#pragma once
#include <memory>
#include <vector>

#include "dml/d3d12.h"

namespace lophi::dml {

class Chunks {
 public:
  struct Chunk {
    ComPtr<ID3D12Resource> resource;
    std::byte* mapped = nullptr;
    size_t bytes = 0, used = 0;
  };
  struct Place {
    std::shared_ptr<Chunk> chunk;  // hold it until the GPU is done
    size_t offset = 0;
    std::byte* data() const { return chunk->mapped + offset; }
  };

  Chunks(ComPtr<ID3D12Device> device, D3D12_HEAP_TYPE heap) : device_(std::move(device)), heap_(heap) {}
  Place take(size_t bytes);

 private:
  ComPtr<ID3D12Device> device_;
  const D3D12_HEAP_TYPE heap_;
  std::vector<std::shared_ptr<Chunk>> chunks_;
};

}  // namespace lophi::dml
