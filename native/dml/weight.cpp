#include "dml/weight.h"

#include <algorithm>
#include <cstring>

#include "dml/commands.h"
#include "dml/staging.h"

namespace lophi::dml {
namespace {

constexpr size_t kHalf = 2, kNibbles = 16;  // a q4_0 block: float16 scale, 32 nibbles
constexpr size_t kPiece = 16 << 20;         // bytes of nibbles in flight at once

}  // namespace

std::shared_ptr<const Weight> make_weight(Gpu& gpu, const WeightSpec& spec) {
  auto weight = std::make_shared<DmlWeight>();
  weight->format = only_format(spec, "dml");
  weight->rows = spec.rows;
  weight->columns = spec.columns;
  if (weight->format != WeightFormat::kQ4_0) return weight;  // linear refuses it by name
  const size_t block = kHalf + kNibbles;
  const size_t blocks = row_bytes(weight->format, spec.columns) / block * static_cast<size_t>(spec.rows);
  weight->scales = blocks * kNibbles;
  weight->buffer = gpu.memory->alloc((blocks * block + 3) & ~size_t{3});
  weight->device_bytes = weight->buffer->bytes;

  size_t first = 0;  // block
  for (const WeightPart& part : spec.parts) {
    const size_t count = part.data.size / block;
    for (size_t done = 0; done < count;) {
      const size_t piece = std::min(count - done, kPiece / kNibbles);
      Chunks staging(gpu.device, D3D12_HEAP_TYPE_UPLOAD);
      const auto nibbles = staging.take(piece * kNibbles), scales = staging.take(piece * kHalf);
      for (size_t i = 0; i < piece; ++i) {
        const std::byte* from = part.data.data + (done + i) * block;
        std::memcpy(scales.data() + i * kHalf, from, kHalf);
        std::memcpy(nibbles.data() + i * kNibbles, from + kHalf, kNibbles);
      }
      const auto bytes = [&](size_t offset, size_t size) {
        return View{weight->buffer, offset, DType::kUint8, {static_cast<int64_t>(size)}};
      };
      gpu.execute([&](Commands& commands) {
        commands.upload(bytes(first * kNibbles, piece * kNibbles), nibbles.chunk->resource.Get(), nibbles.offset);
        commands.upload(bytes(weight->scales + first * kHalf, piece * kHalf), scales.chunk->resource.Get(),
                        scales.offset);
      });
      first += piece;
      done += piece;
    }
  }
  return weight;
}

}  // namespace lophi::dml
