// Device memory of one adapter. A committed resource takes the driver long to make, and at least 64 KiB: small blocks share some.
#pragma once
#include "core/pool.h"
#include "dml/abi.h"

namespace lophi::dml {

std::shared_ptr<BlockPool> make_pool(ComPtr<ID3D12Device> device, std::string id, uint64_t total);

// A block: a resource of its own, or a range of one that small blocks share.
struct Piece {
  ComPtr<ID3D12Resource> resource;
  size_t offset, shared;  // shared: its bytes where others lie in the resource too, else 0
};
inline const Piece& piece_of(const Buffer& buffer) {
  return *static_cast<const Piece*>(static_cast<const Block&>(buffer).data);
}
inline ID3D12Resource* resource_of(const Buffer& buffer) { return piece_of(buffer).resource.Get(); }

// A buffer resource in a heap of the given type; mapped where the CPU may see it.
ComPtr<ID3D12Resource> create_buffer(ID3D12Device* device, D3D12_HEAP_TYPE heap, size_t bytes);

}  // namespace lophi::dml
