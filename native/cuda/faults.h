// Where kernels report what they find wrong in data: one word (core/fault.h) per stream for eager calls, one per graph.
#pragma once
#include <memory>

#include "core/fault.h"
#include "cuda/gpu.h"
#include "cuda/params.h"

namespace lophi::cuda {

// The word, and behind it counters by which blocks of a launch find out who is the last. Launches of one stream or graph follow each
// other, so that they share them: whoever counts leaves zeros.
class FaultWord {
 public:
  explicit FaultWord(std::shared_ptr<const Gpu> gpu);
  ~FaultWord();
  FaultWord(const FaultWord&) = delete;
  FaultWord& operator=(const FaultWord&) = delete;
  static constexpr int64_t kCounters = 1 << 14;
  CUdeviceptr address() const { return address_; }
  CUdeviceptr counters() const { return address_ + sizeof(Fault); }
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
