#include "core/plan.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "core/fuse.h"

namespace lophi {
namespace {

constexpr size_t kAlign = 256;  // what D3D12, DirectML and CUDA want of a buffer's start; also four cache lines
constexpr size_t align_up(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

template <class F>
void each_view(Call& call, F&& f) {
  for (View& view : call.in) f(view);
  for (View& view : call.out) f(view);
  f(call.scratch);
}

}  // namespace

size_t place(std::span<Placement> placements) {
  std::vector<size_t> order(placements.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return placements[a].bytes > placements[b].bytes; });
  size_t arena = 0;
  std::vector<const Placement*> placed;  // sorted by offset
  for (size_t index : order) {
    Placement& p = placements[index];
    size_t offset = 0;
    for (const Placement* other : placed) {
      if (other->last < p.first || p.last < other->first) continue;
      if (offset + p.bytes <= other->offset) break;
      offset = std::max(offset, align_up(other->offset + other->bytes));
    }
    p.offset = offset;
    arena = std::max(arena, offset + p.bytes);
    placed.insert(std::ranges::upper_bound(placed, offset, {}, [](const Placement* q) { return q->offset; }), &p);
  }
  return arena;
}

std::shared_ptr<Buffer> Recorder::planned(size_t bytes) const {
  auto buffer = std::make_shared<PlannedBuffer>();
  buffer->bytes = bytes;
  buffer->recording = recording_;
  return buffer;
}

Plan Recorder::finish(Device& device, std::span<View> kept) {
  fuse(plan_, kept, device);
  for (Call& call : plan_.calls)
    if (const size_t bytes = device.scratch(call)) call.scratch = bytes_view(planned(bytes), bytes);

  std::map<Buffer*, std::shared_ptr<Buffer>> own;  // kept: planned -> real
  for (View& view : kept)
    if (auto* planned = dynamic_cast<PlannedBuffer*>(view.buffer.get()); planned && !own.contains(planned))
      own[planned] = device.alloc(planned->bytes);

  std::map<Buffer*, size_t> index;  // planned -> its placement
  std::vector<Placement> placements;
  for (size_t i = 0; i < plan_.calls.size(); ++i)
    each_view(plan_.calls[i], [&](View& view) {
      auto* planned = dynamic_cast<PlannedBuffer*>(view.buffer.get());
      if (!planned || own.contains(planned)) return;
      const auto [at, fresh] = index.emplace(planned, placements.size());
      if (fresh) placements.push_back({planned->bytes, i, i, 0});
      placements[at->second].last = i;
    });
  const size_t arena_bytes = place(placements);
  const std::shared_ptr<Buffer> arena = placements.empty() ? nullptr : device.alloc(arena_bytes);

  // Planned buffers die with their last view, so their addresses stay unique until all views are rewritten.
  std::vector<std::shared_ptr<Buffer>> alive;
  const auto rewrite = [&](View& view) {
    Buffer* planned = view.buffer.get();
    alive.push_back(view.buffer);
    if (const auto real = own.find(planned); real != own.end()) {
      view.buffer = real->second;
    } else if (const auto at = index.find(planned); at != index.end()) {
      view.buffer = arena;
      view.offset += placements[at->second].offset;
    }
  };
  for (Call& call : plan_.calls) each_view(call, rewrite);
  for (View& view : kept) rewrite(view);
  return std::move(plan_);
}

}  // namespace lophi
