#include "cuda/memory.h"

#include <algorithm>

#include "core/error.h"
#include "core/fail.h"

namespace lophi::cuda {
namespace {

constexpr size_t kAlign = 256;

CUresult alloc_device(const Driver& driver, void** block, size_t bytes) {
  CUdeviceptr pointer = 0;
  const CUresult result = driver.alloc(&pointer, bytes);
  *block = reinterpret_cast<void*>(pointer);
  return result;
}
void free_device(const Driver& driver, void* block) { driver.free(reinterpret_cast<CUdeviceptr>(block)); }
CUresult alloc_pinned(const Driver& driver, void** block, size_t bytes) { return driver.alloc_host(block, bytes); }
void free_pinned(const Driver& driver, void* block) { driver.free_host(block); }

}  // namespace

const Allocator kDeviceMemory{alloc_device, free_device, "cuMemAlloc"};
const Allocator kPinnedMemory{alloc_pinned, free_pinned, "cuMemAllocHost"};

Memory::~Memory() {
  try {
    const Current current(*gpu_);
    drop_cache();
  } catch (const Error&) {
    // The context is lost, and its memory with it.
  }
}

void Memory::drop_cache() {
  for (const auto& [capacity, block] : free_) allocator_.free(gpu_->driver, block);
  free_.clear();
  info_.cached = 0;
}

std::shared_ptr<CudaBuffer> Memory::alloc(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto fail = [&] {
    return Error("ERR_OUT_OF_MEMORY", gpu_->id + ": " + std::to_string(bytes) + " bytes must be free, but " +
                                          std::to_string(info_.used) + " of " + std::to_string(info_.total) +
                                          " are in use");
  };
  if (bytes > info_.total || should_fail(Failure::kAlloc)) throw fail();
  const size_t wanted = std::max(kAlign, (bytes + kAlign - 1) / kAlign * kAlign);
  void* block = nullptr;
  size_t capacity = wanted;
  // A kept block serves when at most an eighth of it would lie idle.
  if (const auto found = free_.lower_bound(wanted); found != free_.end() && found->first <= wanted + wanted / 8) {
    capacity = found->first;
    block = found->second;
    info_.cached -= capacity;
    free_.erase(found);
  } else {
    const Current current(*gpu_);
    CUresult result = allocator_.alloc(gpu_->driver, &block, wanted);
    if (result == kOutOfMemory && !free_.empty()) {
      drop_cache();
      result = allocator_.alloc(gpu_->driver, &block, wanted);
    }
    if (result == kOutOfMemory) throw fail();
    gpu_->driver.check(result, (gpu_->id + ": " + allocator_.call).c_str());
  }
  info_.used += capacity;
  info_.peak = std::max(info_.peak, info_.used);
  return std::make_shared<CudaBuffer>(shared_from_this(), block, bytes, capacity);
}

void Memory::release(void* block, size_t capacity) {
  const std::lock_guard lock(mutex_);
  info_.used -= capacity;
  if (info_.cached + capacity <= max_cached_) {
    free_.emplace(capacity, block);
    info_.cached += capacity;
    return;
  }
  try {
    const Current current(*gpu_);
    allocator_.free(gpu_->driver, block);
  } catch (const Error&) {
    // The context is lost, and its memory with it.
  }
}

MemoryInfo Memory::info() const {
  const std::lock_guard lock(mutex_);
  return info_;
}

}  // namespace lophi::cuda
