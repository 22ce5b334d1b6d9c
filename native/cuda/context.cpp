#include "cuda/context.h"

#include <algorithm>

#include "cuda/kernels.gen.h"

namespace lophi::cuda {
namespace {

// Kernels step by the whole grid, so a smaller one than asked for does the same work.
constexpr int64_t kMaxX = 0x7fffffff, kMaxY = 65535;

}  // namespace

void Context::launch_packed(int kernel, Grid grid, void* params) {
  if (grid.x <= 0 || grid.y <= 0) return;
  const CUfunction function = modules_.function(kernel);
  if (!stream_) return;
  const auto x = static_cast<unsigned>(std::min(grid.x, kMaxX)), y = static_cast<unsigned>(std::min(grid.y, kMaxY));
  LaunchAttribute early{kProgrammaticSerialization, 1, {}};
  const LaunchConfig config{x,
                            y,
                            1,
                            static_cast<unsigned>(grid.threads),
                            1,
                            1,
                            static_cast<unsigned>(grid.shared),
                            stream_,
                            &early,
                            gpu_->dependent_launch ? 1u : 0u};
  const CUresult result = gpu_->driver.launch(&config, function, &params, nullptr);
  if (result != kSuccess)
    gpu_->driver.check(result, (std::string(kKernels[kernel].name) + ": cuLaunchKernelEx").c_str());
}

void Context::copy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  if (!bytes || !stream_) return;
  gpu_->driver.check(gpu_->driver.copy_async(to, from, bytes, stream_), "cuMemcpyDtoDAsync");
}

const FaultWord& Context::fault_word() {
  if (!reports_.word) reports_.word = std::make_shared<const FaultWord>(gpu_);
  return *reports_.word;
}

unsigned* Context::counters() { return reinterpret_cast<unsigned*>(fault_word().counters()); }

Faults Context::faults(const Call& call) {
  may_report_ = true;
  return {reinterpret_cast<unsigned*>(fault_word().address()), fault_site(call)};
}

}  // namespace lophi::cuda
