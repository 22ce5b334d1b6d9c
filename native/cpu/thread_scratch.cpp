#include "cpu/thread_scratch.h"

#include <algorithm>
#include <atomic>

namespace lophi::cpu {
namespace {

thread_local ThreadScratch* current = nullptr;
std::atomic<size_t> total{0};

constexpr size_t kSmall = size_t{1} << 20;  // bytes that are not worth giving back
constexpr int kPatience = 64;

bool is_too_large(const std::vector<float>& values) {
  return values.capacity() * sizeof(float) > kSmall && values.size() < values.capacity() / 4;
}
bool is_too_large(const ThreadScratch::Block& block) { return block.bytes > kSmall && block.used < block.bytes / 4; }

size_t bytes_of(ThreadScratch& scratch) {
  size_t bytes = 0;
  for (const auto* values : scratch.vectors()) bytes += values->capacity() * sizeof(float);
  scratch.each_block([&](const ThreadScratch::Block& block) { bytes += block.bytes; });
  return bytes;
}

}  // namespace

void ThreadScratch::Block::grow(size_t wanted) {
  bytes = 0;
  memory.reset();
  memory.reset(static_cast<std::byte*>(::operator new[](wanted, std::align_val_t{64})));
  bytes = wanted;
}

ThreadScratch& thread_scratch() {
  if (!current) current = new ThreadScratch();
  return *current;
}

void settle_thread_scratch() {
  if (!current) return;
  const auto vectors = current->vectors();
  bool large = std::ranges::any_of(vectors, [](const auto* values) { return is_too_large(*values); });
  current->each_block([&](const ThreadScratch::Block& block) { large |= is_too_large(block); });
  current->idle = large ? current->idle + 1 : 0;
  if (current->idle == kPatience) {
    current->idle = 0;
    for (auto* values : vectors)
      if (is_too_large(*values)) std::vector<float>(*values).swap(*values);
    current->each_block([](ThreadScratch::Block& block) {
      if (is_too_large(block)) block = {};
    });
  }
  current->each_block([](ThreadScratch::Block& block) { block.used = 0; });
  const size_t bytes = bytes_of(*current);
  if (bytes == current->counted) return;
  total += bytes - current->counted;  // wraps when it shrinks
  current->counted = bytes;
}

size_t thread_scratch_bytes() { return total; }

void drop_thread_scratch() {
  if (current) total -= current->counted;
  delete current;
  current = nullptr;
}

}  // namespace lophi::cpu
