#include "cuda/memory.h"

#include <algorithm>

#include "core/error.h"

namespace lophi::cuda {
namespace {

constexpr size_t kAlign = 256;
constexpr uint64_t kMaxPinned = uint64_t{64} << 20, kMinCached = uint64_t{256} << 20;

class Raw : public RawMemory {
 public:
  explicit Raw(std::shared_ptr<const Gpu> gpu) : gpu_(std::move(gpu)) {}
  void* alloc(size_t bytes) override {
    const Current current(*gpu_);
    void* block = nullptr;
    const CUresult result = take(gpu_->driver, &block, bytes);
    if (result == kOutOfMemory) return nullptr;
    gpu_->driver.check(result, (gpu_->id + ": " + call()).c_str());
    return block;
  }
  void free(void* block) noexcept override {
    try {
      const Current current(*gpu_);
      give(gpu_->driver, block);
    } catch (const Error&) {
      // The context is lost, and its memory with it.
    }
  }

 private:
  virtual CUresult take(const Driver& driver, void** block, size_t bytes) = 0;
  virtual void give(const Driver& driver, void* block) = 0;
  virtual const char* call() const = 0;
  std::shared_ptr<const Gpu> gpu_;
};

class DeviceMemory : public Raw {
  using Raw::Raw;
  CUresult take(const Driver& driver, void** block, size_t bytes) override {
    CUdeviceptr pointer = 0;
    const CUresult result = driver.alloc(&pointer, bytes);
    *block = reinterpret_cast<void*>(pointer);
    return result;
  }
  void give(const Driver& driver, void* block) override { driver.free(reinterpret_cast<CUdeviceptr>(block)); }
  const char* call() const override { return "cuMemAlloc"; }
};

class PinnedMemory : public Raw {
  using Raw::Raw;
  CUresult take(const Driver& driver, void** block, size_t bytes) override { return driver.alloc_host(block, bytes); }
  void give(const Driver& driver, void* block) override { driver.free_host(block); }
  const char* call() const override { return "cuMemAllocHost"; }
};

}  // namespace

// cuMemFree waits for the whole device, so much is kept; but not what other programs might use.
std::shared_ptr<BlockPool> device_pool(std::shared_ptr<const Gpu> gpu, uint64_t total) {
  BlockPool::Options options{gpu->id, total, kAlign, std::max(total / 8, kMinCached)};
  return std::make_shared<BlockPool>(std::move(options), std::make_unique<DeviceMemory>(std::move(gpu)));
}

std::shared_ptr<BlockPool> pinned_pool(std::shared_ptr<const Gpu> gpu) {
  BlockPool::Options options{gpu->id, UINT64_MAX, kAlign, kMaxPinned};
  return std::make_shared<BlockPool>(std::move(options), std::make_unique<PinnedMemory>(std::move(gpu)));
}

}  // namespace lophi::cuda
