#include "cuda/faults.h"

#include "core/error.h"

namespace lophi::cuda {

static_assert(sizeof(Fault) == 32, "kernels write its words by number");

constexpr size_t kBytes = sizeof(Fault) + sizeof(unsigned) * FaultWord::kCounters;

FaultWord::FaultWord(std::shared_ptr<const Gpu> gpu) : gpu_(std::move(gpu)) {
  gpu_->driver.check(gpu_->driver.alloc(&address_, kBytes), "cuMemAlloc");
  try {
    // On the NULL stream, which holds nothing else up: no other stream may use the word before it is clear.
    gpu_->driver.check(gpu_->driver.memset_async(address_, 0, kBytes / 4, nullptr), "cuMemsetD32Async");
    gpu_->driver.check(gpu_->driver.stream_synchronize(nullptr), "cuStreamSynchronize");
  } catch (...) {
    gpu_->driver.free(address_);
    throw;
  }
}

FaultWord::~FaultWord() {
  try {
    const Current current(*gpu_);
    gpu_->driver.free(address_);
  } catch (const Error&) {
    // The context is lost, and its memory with it.
  }
}

void FaultWord::clear(CUstream stream) const {
  gpu_->driver.check(gpu_->driver.memset_async(address_, 0, sizeof(Fault) / 4, stream), "cuMemsetD32Async");
}

}  // namespace lophi::cuda
