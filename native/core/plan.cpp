#include "core/plan.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "core/fuse.h"
#include "core/queue.h"

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
  std::map<Buffer*, std::shared_ptr<Buffer>> own;  // planned -> real
  std::vector<std::shared_ptr<Buffer>> alive;      // so that addresses stay unique until all views are rewritten
  for (View& view : kept)
    if (auto* planned = dynamic_cast<PlannedBuffer*>(view.buffer.get()); planned && !own.contains(planned)) {
      alive.push_back(view.buffer);
      own[planned] = device.alloc(planned->bytes);
    }
  const auto rewrite = [&](View& view) {
    if (const auto real = own.find(view.buffer.get()); real != own.end()) view.buffer = real->second;
  };
  for (Call& call : plan_.calls) each_view(call, rewrite);
  for (View& view : kept) rewrite(view);
  return std::move(plan_);
}

void allocate(Plan& plan, Device& device) {
  for (Call& call : plan.calls) {
    size_t bytes = 0;
    with_place(call, device.info().id, [&] { bytes = device.scratch(call); });
    if (!bytes) continue;
    call.scratch = bytes_view(std::make_shared<PlannedBuffer>(), bytes);
    call.scratch.buffer->bytes = bytes;
  }

  std::map<Buffer*, size_t> index;  // planned -> its placement
  std::vector<Placement> placements;
  for (size_t i = 0; i < plan.calls.size(); ++i)
    each_view(plan.calls[i], [&](View& view) {
      auto* planned = dynamic_cast<PlannedBuffer*>(view.buffer.get());
      if (!planned) return;
      const auto [at, fresh] = index.emplace(planned, placements.size());
      if (fresh) placements.push_back({planned->bytes, i, i, 0});
      placements[at->second].last = i;
    });
  if (placements.empty()) return;
  const std::shared_ptr<Buffer> arena = device.alloc(place(placements));

  std::vector<std::shared_ptr<Buffer>> alive;  // so that addresses stay unique until all views are rewritten
  for (Call& call : plan.calls)
    each_view(call, [&](View& view) {
      const auto at = index.find(view.buffer.get());
      if (at == index.end()) return;
      alive.push_back(std::exchange(view.buffer, arena));
      view.offset += placements[at->second].offset;
    });
}

}  // namespace lophi
