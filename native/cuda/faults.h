// Where kernels report what they find wrong in data: one word (core/fault.h) per stream for eager calls, one per graph.
#pragma once
#include <memory>

#include "core/fault.h"
#include "cuda/gpu.h"
#include "cuda/params.h"

namespace lophi::cuda {

// Cleared device memory.
class FaultWord {
 public:
  explicit FaultWord(std::shared_ptr<const Gpu> gpu);
  ~FaultWord();
  FaultWord(const FaultWord&) = delete;
  FaultWord& operator=(const FaultWord&) = delete;
  CUdeviceptr address() const { return address_; }
  void clear(CUstream stream) const;

 private:
  std::shared_ptr<const Gpu> gpu_;
  CUdeviceptr address_ = 0;
};

// Made when the first kernel that may report is launched.
struct Reports {
  std::shared_ptr<const FaultWord> word;
};

}  // namespace lophi::cuda
