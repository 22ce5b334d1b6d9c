// The kernels of one GPU: device code compiled ahead of time, one module per file of ops/, and functions by number.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/weight.h"
#include "cuda/gpu.h"

namespace lophi::cuda {

// The image for a compute capability (90 is 9.0) among "sm_80", "sm_90a", "compute_75" ...; "" where none runs on it.
// Code for sm_XY runs on X.Y and later minors of X, an "a" on its own alone; compute_ is PTX, which the driver compiles.
std::string choose_image(std::span<const std::string> names, int capability);

class Modules {
 public:
  // `image`: what scripts/cuda-images.mjs wrote, unpacked: a line "<module> <bytes>" per file of ops/, an empty line, then the code.
  // An emulated driver needs none.
  Modules(std::shared_ptr<const Gpu> gpu, Bytes image);
  ~Modules();

  // The kernel of a number of kernels.gen.h. Throws ERR_DRIVER where the image lacks it.
  CUfunction function(int kernel);
  // Of the image: another one has another number.
  uint64_t version() const;

 private:
  CUmodule module_of(const std::string& name);  // under the mutex

  std::shared_ptr<const Gpu> gpu_;
  Bytes image_;
  std::map<std::string, std::span<const std::byte>> code_;
  std::mutex mutex_;
  std::map<std::string, CUmodule> modules_;
  std::vector<CUfunction> functions_;  // by number
};

}  // namespace lophi::cuda
