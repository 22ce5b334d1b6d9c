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

size_t bytes_of(ThreadScratch& scratch) {
  size_t bytes = 0;
  for (const auto* values : scratch.vectors()) bytes += values->capacity() * sizeof(float);
  for (const ThreadScratch::Block& block : scratch.blocks) bytes += block.bytes;
  return bytes;
}

}  // namespace

ThreadScratch& thread_scratch() {
  if (!current) current = new ThreadScratch();
  return *current;
}

void settle_thread_scratch() {
  if (!current) return;
  const auto vectors = current->vectors();
  const bool large = std::ranges::any_of(vectors, [](const auto* values) { return is_too_large(*values); });
  current->idle = large ? current->idle + 1 : 0;
  if (current->idle == kPatience) {
    current->idle = 0;
    for (auto* values : vectors)
      if (is_too_large(*values)) std::vector<float>(*values).swap(*values);
  }
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
