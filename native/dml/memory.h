// Device memory of one adapter. A block of its pool is a committed resource, which takes the driver long to make.
#pragma once
#include "core/pool.h"
#include "dml/abi.h"

namespace lophi::dml {

std::shared_ptr<BlockPool> make_pool(ComPtr<ID3D12Device> device, std::string id, uint64_t total);

inline ID3D12Resource* resource_of(const Buffer& buffer) {
  return static_cast<ID3D12Resource*>(static_cast<const Block&>(buffer).data);
}

// A buffer resource in a heap of the given type; mapped where the CPU may see it.
ComPtr<ID3D12Resource> create_buffer(ID3D12Device* device, D3D12_HEAP_TYPE heap, size_t bytes);

}  // namespace lophi::dml
