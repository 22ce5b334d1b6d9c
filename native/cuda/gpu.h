// One GPU's primary context, shared by what lives on it.
#pragma once
#include <memory>
#include <string>

#include "core/env.h"
#include "cuda/driver.h"

namespace lophi::cuda {

struct Gpu {
  Gpu(const Driver& driver, CUdevice device, std::string id) : driver(driver), device(device), id(std::move(id)) {
    driver.check(driver.context_retain(&context, device), "cuDevicePrimaryCtxRetain");
  }
  ~Gpu() { driver.context_release(device); }
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  const Driver& driver;
  const CUdevice device;
  const std::string id;
  const int capability = capability_of(driver, device);  // 90 is 9.0
  const int multiprocessors = attribute_of(driver, device, kAttributeMultiprocessors);
  CUcontext context = nullptr;
  // A kernel may begin while the one before it ends, see begin() in common.cuh.
  const bool dependent_launch = capability >= 90 && env::cuda_pdl() != "off";
};

// Makes the context current on this thread, and the caller's own afterwards.
class Current {
 public:
  explicit Current(const Gpu& gpu) : gpu_(gpu) {
    gpu.driver.check(gpu.driver.context_push(gpu.context), "cuCtxPushCurrent");
  }
  ~Current() {
    CUcontext popped;
    gpu_.driver.context_pop(&popped);
  }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const Gpu& gpu_;
};

}  // namespace lophi::cuda
