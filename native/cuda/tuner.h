// Which of several launches that do the same is the fastest on this GPU: measured when it is first asked, kept on disk by GPU, driver,
// image and shape (LOPHI_CACHE). LOPHI_CUDA_TUNE switches it.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "core/disk_cache.h"
#include "cuda/faults.h"
#include "cuda/modules.h"

namespace lophi::cuda {

class Context;

struct Candidate {
  std::string name;  // unlike all others of its shape
  std::function<void(Context&, int round)>
      launch;  // `round` counts up, so that what it reads need not be what it read last
};

class Tuner {
 public:
  Tuner(std::shared_ptr<const Gpu> gpu, std::shared_ptr<Modules> modules);
  ~Tuner();

  bool on() const { return asked_.on; }
  // The fastest candidate for a shape as it was found earlier, in this process or another; none where nobody has measured.
  std::optional<size_t> known(const std::string& shape, std::span<const Candidate> candidates);
  // Measures. The first candidate is what is taken otherwise: another one must be faster by more than noise. None once all
  // measurements of this GPU together have taken their time. Throws what the driver says of a launch that fails.
  std::optional<size_t> measure(const std::string& shape, std::span<const Candidate> candidates);
  // Of the measurements.
  CUstream stream();

 private:
  using Clock = std::chrono::steady_clock;
  std::string key_of(const std::string& shape, std::span<const Candidate> candidates);
  // of `launches` of a candidate in a row, in microseconds a launch
  float time(const Candidate& candidate, int& round, int launches);
  void say(const std::string& line) const;

  const std::shared_ptr<const Gpu> gpu_;
  const std::shared_ptr<Modules> modules_;
  struct Asked {  // of LOPHI_CUDA_TUNE
    bool on, verbose;
    std::chrono::milliseconds most;
  };
  static Asked asked(const Gpu& gpu);
  const Asked asked_;
  const DiskCache disk_;
  std::recursive_mutex mutex_;
  std::string device_;  // all that a measurement depends on but the shape
  std::map<std::string, size_t> known_;
  Clock::duration spent_{};
  Reports reports_;
  CUstream stream_ = nullptr;
  CUevent begin_ = nullptr, end_ = nullptr;
};

}  // namespace lophi::cuda
