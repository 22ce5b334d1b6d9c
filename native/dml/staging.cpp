#include "dml/staging.h"

#include <algorithm>

#include "dml/check.h"

namespace lophi::dml {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr size_t kAlign = 16;

}  // namespace

Chunks::Place Chunks::take(size_t bytes) {
  const size_t wanted = (bytes + kAlign - 1) / kAlign * kAlign;
  std::erase_if(chunks_, [](const auto& chunk) { return chunk.use_count() == 1 && chunk->bytes > kChunk; });
  for (const auto& chunk : chunks_) {
    if (chunk.use_count() == 1) chunk->used = 0;
    if (wanted > chunk->bytes - chunk->used) continue;
    const size_t offset = chunk->used;
    chunk->used += wanted;
    return {chunk, offset};
  }
  auto chunk = std::make_shared<Chunk>();
  chunk->bytes = std::max(wanted, kChunk);
  chunk->resource = create_buffer(device_.Get(), heap_, chunk->bytes);
  const D3D12_RANGE nothing{0, 0};
  void* mapped = nullptr;
  check(chunk->resource->Map(0, heap_ == D3D12_HEAP_TYPE_UPLOAD ? &nothing : nullptr, &mapped), "ID3D12Resource::Map",
        device_.Get());
  chunk->mapped = static_cast<std::byte*>(mapped);
  chunk->used = wanted;
  chunks_.push_back(chunk);
  return {chunk, 0};
}

}  // namespace lophi::dml
