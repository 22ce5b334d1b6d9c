#include "cpu/memory.h"

#include <algorithm>
#include <new>

#include "core/error.h"
#include "core/fail.h"

namespace lophi::cpu {
namespace {

constexpr size_t kAlign = 64;
constexpr uint64_t kMaxCached = uint64_t{512} << 20;

void free_block(void* block) { ::operator delete(block, std::align_val_t{kAlign}); }

}  // namespace

Memory::~Memory() { drop_cache(); }

void Memory::drop_cache() {
  for (const auto& [capacity, block] : free_) free_block(block);
  free_.clear();
  info_.cached = 0;
}

std::shared_ptr<Buffer> Memory::alloc(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const size_t wanted = std::max(kAlign, (bytes + kAlign - 1) / kAlign * kAlign);
  const auto fail = [&] {
    return Error("ERR_OUT_OF_MEMORY", "cpu: " + std::to_string(bytes) + " bytes must be free, but " +
                                          std::to_string(info_.used) + " of " + std::to_string(info_.total) +
                                          " are in use");
  };
  if (bytes > info_.total || should_fail(Failure::kAlloc)) throw fail();
  void* block = nullptr;
  size_t capacity = wanted;
  // A kept block serves when at most an eighth of it would lie idle.
  if (const auto found = free_.lower_bound(wanted); found != free_.end() && found->first <= wanted + wanted / 8) {
    capacity = found->first;
    block = found->second;
    info_.cached -= capacity;
    free_.erase(found);
  } else {
    block = ::operator new(wanted, std::align_val_t{kAlign}, std::nothrow);
    if (!block) {
      drop_cache();
      block = ::operator new(wanted, std::align_val_t{kAlign}, std::nothrow);
    }
    if (!block) throw fail();
  }
  info_.used += capacity;
  info_.peak = std::max(info_.peak, info_.used);
  return std::make_shared<CpuBuffer>(shared_from_this(), block, bytes, capacity);
}

void Memory::release(void* data, size_t capacity) {
  const std::lock_guard lock(mutex_);
  info_.used -= capacity;
  if (info_.cached + capacity > kMaxCached) return free_block(data);
  free_.emplace(capacity, data);
  info_.cached += capacity;
}

MemoryInfo Memory::info() const {
  const std::lock_guard lock(mutex_);
  return info_;
}

}  // namespace lophi::cpu
