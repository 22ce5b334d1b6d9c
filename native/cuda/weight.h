// Weights on a GPU: read band by band into pinned memory, copied to the device and put into tile order there, on a stream of their
// own while the next band is read.
#pragma once
#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "core/rows.h"
#include "core/weight.h"
#include "cuda/memory.h"
#include "cuda/modules.h"
#include "cuda/params.h"
#include "cuda/tuner.h"
#include "cuda/variants.h"

namespace lophi::cuda {

// All parts in one block of memory, in tile order (weights.cuh).
class CudaWeight : public Weight {
 public:
  struct Part {
    WeightRows rows;
    bool takes_int8;
    LinearChoices choices;
  };

  CudaWeight(std::shared_ptr<const Gpu> gpu, const WeightSpec& spec) : Weight(spec), gpu_(std::move(gpu)) {}
  ~CudaWeight() override;  // once the copies are done
  // What is enqueued on `stream` from here on sees all bytes. Without a stream it waits until they are there.
  void wait(CUstream stream) const;

  std::vector<Part> stacked;  // parts of one form that follow each other are one

 private:
  friend class WeightLoader;
  std::shared_ptr<const Gpu> gpu_;
  std::shared_ptr<Buffer> data_;
  CUevent copied_ = nullptr;  // behind the last copy
  mutable std::atomic<bool> arrived_{false};
};

// The fastest ways to multiply by a part, `bytes` of the weight at `at`: measured now, unless they are known (ops/linear_choose.cpp).
LinearChoices choose_linear(Tuner& tuner, const Gpu& gpu, const CudaWeight& weight, const CudaWeight::Part& part,
                            CUdeviceptr at, size_t bytes);

class WeightLoader {
 public:
  WeightLoader(std::shared_ptr<const Gpu> gpu, std::shared_ptr<Modules> modules, std::shared_ptr<BlockPool> memory,
               std::shared_ptr<BlockPool> pinned)
      : gpu_(std::move(gpu)),
        modules_(std::move(modules)),
        memory_(std::move(memory)),
        pinned_(std::move(pinned)),
        tuner_(gpu_, modules_) {}
  ~WeightLoader();
  // Returns when the last band has been read; copies may be under way. From any thread; one weight at a time is read.
  std::shared_ptr<const Weight> load(const WeightSpec& spec);

 private:
  // A band on its way. Kept while weights are loaded, to be used again when its copy is done.
  struct Slot {
    std::shared_ptr<Block> pinned;
    CUdeviceptr arrived = 0;  // as much memory on the device, which is not counted
    CUevent copied = nullptr;
  };
  void start();
  // Rows of a part, into a matrix in tile order, behind as many of its rows: whole strips.
  void read(const RowReader& reader, const Layout& layout, CUdeviceptr at, int64_t behind);
  Slot& next_slot(size_t bytes);
  void copy(CUdeviceptr to, const uint8_t* from, size_t bytes);
  void repack(int section, const RepackParams& params);

  std::shared_ptr<const Gpu> gpu_;
  std::shared_ptr<Modules> modules_;
  std::shared_ptr<BlockPool> memory_, pinned_;
  Tuner tuner_;
  std::mutex mutex_;
  CUstream stream_ = nullptr;
  std::array<Slot, 2> slots_;
  size_t used_ = 0;
};

}  // namespace lophi::cuda
