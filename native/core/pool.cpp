#include "core/pool.h"

#include <algorithm>

#include "core/error.h"
#include "core/fail.h"

namespace lophi {

Block::~Block() { pool_->release(data, capacity_); }

BlockPool::BlockPool(Options options, std::unique_ptr<RawMemory> raw)
    : options_(std::move(options)), raw_(std::move(raw)) {
  info_.total = options_.total;
}

BlockPool::~BlockPool() { keep_at_most(0); }

std::shared_ptr<Block> BlockPool::alloc(size_t bytes) {
  std::unique_lock lock(mutex_);
  const auto fail = [&] {
    return Error("ERR_OUT_OF_MEMORY", options_.name + ": " + std::to_string(bytes) + " bytes must be free, but " +
                                          std::to_string(info_.used) + " of " + std::to_string(info_.total) +
                                          " are in use");
  };
  const size_t unit = options_.granularity;
  if (bytes > info_.total || bytes > SIZE_MAX - unit || should_fail(Failure::kAlloc)) throw fail();
  const size_t wanted = std::max(unit, (bytes + unit - 1) / unit * unit);
  size_t capacity = wanted;
  void* data = take(wanted, capacity);
  if (!data && drop_others_) {
    lock.unlock();
    drop_others_();
    lock.lock();
    data = take(wanted, capacity);
  }
  if (!data) throw fail();
  info_.used += capacity;
  info_.peak = std::max(info_.peak, info_.used);
  lock.unlock();
  try {
    return std::make_shared<Block>(shared_from_this(), data, bytes, capacity);
  } catch (...) {
    release(data, capacity);
    throw;
  }
}

void* BlockPool::take(size_t wanted, size_t& capacity) {
  // The smallest that is large enough, where at most an eighth of it would lie idle.
  if (const auto found = idle_.lower_bound({wanted, 0}); found != idle_.end()) {
    const auto [size, time] = found->first;
    if (size <= wanted + wanted / 8) {
      void* const data = found->second;
      capacity = size;
      info_.cached -= size;
      ages_.erase(time);
      idle_.erase(found);
      return data;
    }
  }
  void* data = raw_->alloc(wanted);
  if (!data && !idle_.empty()) {
    keep_at_most(0);
    data = raw_->alloc(wanted);
  }
  return data;
}

void BlockPool::release(void* data, size_t capacity) noexcept {
  const std::lock_guard lock(mutex_);
  info_.used -= capacity;
  if (capacity > options_.max_cached) return raw_->free(data);
  keep_at_most(options_.max_cached - capacity);
  try {
    const uint64_t time = ++clock_;
    ages_.emplace(time, capacity);
    try {
      idle_.emplace(std::pair(capacity, time), data);
    } catch (...) {
      ages_.erase(time);
      throw;
    }
    info_.cached += capacity;
  } catch (const std::bad_alloc&) {
    raw_->free(data);
  }
}

void BlockPool::keep_at_most(uint64_t bytes) noexcept {
  while (info_.cached > bytes) {
    const auto [time, capacity] = *ages_.begin();
    const auto oldest = idle_.find({capacity, time});
    raw_->free(oldest->second);
    idle_.erase(oldest);
    ages_.erase(ages_.begin());
    info_.cached -= capacity;
  }
}

MemoryInfo BlockPool::info() const {
  const std::lock_guard lock(mutex_);
  return info_;
}

}  // namespace lophi
