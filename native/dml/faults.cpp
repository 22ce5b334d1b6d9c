#include "dml/faults.h"

#include <cstring>

#include "dml/commands.h"
#include "dml/staging.h"

namespace lophi::dml {

std::shared_ptr<Buffer> make_fault_word(Gpu& gpu) {
  std::shared_ptr<Buffer> word = gpu.memory->alloc(sizeof(Fault));
  Chunks zeros(gpu.device, D3D12_HEAP_TYPE_UPLOAD);
  const auto place = zeros.take(sizeof(Fault));
  std::memset(place.data(), 0, sizeof(Fault));
  gpu.execute(
      [&](Commands& commands) { commands.upload(view_of_fault(word), place.chunk->resource.Get(), place.offset); });
  return word;
}

View view_of_fault(const std::shared_ptr<Buffer>& word) {
  return {word, 0, DType::kUint8, {static_cast<int64_t>(sizeof(Fault))}};
}

}  // namespace lophi::dml
