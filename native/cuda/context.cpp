#include "cuda/context.h"

#include <algorithm>

namespace lophi::cuda {
namespace {

// Kernels step by the whole grid, so a smaller one than asked for does the same work.
constexpr int64_t kMaxX = 0x7fffffff, kMaxY = 65535;

}  // namespace

void Context::launch_packed(const char* op, const std::string& variant, Grid grid, void** params) {
  if (grid.x <= 0 || grid.y <= 0) return;
  const CUfunction function = modules_.function(op, std::string(op) + "_" + variant);
  if (!stream_) return;
  const auto x = static_cast<unsigned>(std::min(grid.x, kMaxX)), y = static_cast<unsigned>(std::min(grid.y, kMaxY));
  gpu_.driver.check(
      gpu_.driver.launch(function, x, y, 1, static_cast<unsigned>(grid.threads), 1, 1, 0, stream_, params, nullptr),
      (std::string(op) + ": cuLaunchKernel").c_str());
}

void Context::copy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  if (!bytes || !stream_) return;
  gpu_.driver.check(gpu_.driver.copy_async(to, from, bytes, stream_), "cuMemcpyDtoDAsync");
}

}  // namespace lophi::cuda
