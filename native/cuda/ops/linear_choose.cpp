// Finds the fastest way to multiply by a weight, for each class of rows of x.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/ops/linear.h"
#include "cuda/tuner.h"

namespace lophi::cuda {
namespace {

// Memory that is the measurements' own.
class Memory {
 public:
  explicit Memory(const Gpu& gpu) : gpu_(gpu) {}
  ~Memory() {
    for (const CUdeviceptr block : blocks_) gpu_.driver.free(block);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  // false where there is no more
  bool alloc(CUdeviceptr& block, size_t bytes) {
    const CUresult result = gpu_.driver.alloc(&block, std::max<size_t>(bytes, 1));
    if (result == kOutOfMemory) return false;
    gpu_.driver.check(result, "cuMemAlloc");
    blocks_.push_back(block);
    return true;
  }

 private:
  const Gpu& gpu_;
  std::vector<CUdeviceptr> blocks_;
};

// Rows of x that stand for a class: the most of it, or, of the last one, enough.
int64_t rows_of_class(const WeightRows& w, bool int8, int of) {
  constexpr int64_t kRows[kRowClasses] = {1, 8, 16, 64, 128, 512};
  if (of >= 3 || int8) return kRows[of];
  if (w.floats) return of == 1 ? 4 : kRows[of];
  return kRows[of] / 3;  // 0: no row of values is one of digits
}

std::string name_of(const WeightRows& w, bool int8, int64_t m) {
  std::string text = w.floats ? "floats " + std::to_string(w.type)
                              : "levels " + std::to_string(w.low) + "+" + std::to_string(w.high) +
                                    (w.codebook ? " codes" : "") + " of " + std::to_string(w.group) + ", scales " +
                                    std::to_string(w.scale_type) + " of " + std::to_string(w.super) + " " +
                                    std::to_string(w.scale_low) + "+" + std::to_string(w.scale_high) + ", shift " +
                                    std::to_string(w.shift) + " " + std::to_string(w.shift_low) + "+" +
                                    std::to_string(w.shift_high);
  if (w.order) text += ", ordered";
  return text + ", " + std::to_string(w.count) + " x " + std::to_string(w.columns) + ", " + std::to_string(m) +
         (m == 1 ? " row" : " rows") + (int8 ? " of int8" : "");
}

std::string name_of(const LinearVariant& variant) {
  switch (variant.product) {
    case LinearVariant::kFew:
      return "few, " + std::to_string(variant.resident) + " a multiprocessor";
    case LinearVariant::kFloats:
      return "floats";
    case LinearVariant::kMany:
      return std::string("many, ") + linear_many_name(variant);
    default:
      return "usual";
  }
}

// What the weight lies in, and copies of it: enough that none is met in the cache.
struct Copies {
  CUdeviceptr first;
  std::vector<CUdeviceptr> others;

  WeightRows rows(WeightRows w, int round) const {
    const size_t of = static_cast<size_t>(round) % (others.size() + 1);
    if (of == 0) return w;
    const auto moved = [&](auto*& pointer) {
      using T = std::remove_reference_t<decltype(pointer)>;
      if (pointer) pointer = reinterpret_cast<T>(reinterpret_cast<CUdeviceptr>(pointer) - first + others[of - 1]);
    };
    for (auto& section : w.data) moved(section);
    moved(w.order);
    return w;
  }
};

}  // namespace

// Of rows, or, of levels, of digits of rows.
int row_class(const WeightRows& w, int64_t m, bool int8) {
  const int64_t columns = w.floats || int8 ? m : 3 * m;
  return columns <= 1 ? 0 : columns <= 8 ? 1 : columns <= 16 ? 2 : m <= 64 ? 3 : m <= 256 ? 4 : 5;
}

LinearChoices choose_linear(Tuner& tuner, const Gpu& gpu, const CudaWeight& weight, const CudaWeight::Part& part,
                            CUdeviceptr at, size_t bytes) {
  LinearChoices choices;
  const WeightRows& w = part.rows;
  if (!tuner.on() || w.count < 1 || w.columns < 1) return choices;
  const Current current(gpu);

  struct Work {
    int of;
    LinearParams params;
    std::vector<LinearVariant> variants;
    std::string shape;
    std::vector<Candidate> candidates;
  };
  std::vector<Work> unknown;
  for (int of = 0; of < kRowClasses; ++of) {
    const int64_t m = rows_of_class(w, part.takes_int8, of);
    if (!m) continue;
    Work work{of, {}, {}, {}, {}};
    work.params.w = w;
    work.params.m = m;
    work.params.n = w.count;
    work.params.int8 = part.takes_int8;
    linear_few_variants(work.params, gpu.multiprocessors, work.variants);
    linear_floats_variants(work.params, work.variants);
    linear_many_variants(work.params, gpu.multiprocessors, work.variants);
    if (work.variants.size() < 2) continue;
    work.shape = name_of(w, part.takes_int8, m);
    for (const LinearVariant& variant : work.variants) work.candidates.push_back({name_of(variant), {}});
    if (const auto known = tuner.known(work.shape, work.candidates))
      choices[static_cast<size_t>(of)] = work.variants[*known];
    else
      unknown.push_back(std::move(work));
  }
  if (unknown.empty()) return choices;

  Memory memory(gpu);
  const Driver& driver = gpu.driver;
  CUdeviceptr x = 0, y = 0, scratch = 0;
  const int64_t most = unknown.back().params.m;
  size_t scratch_bytes = 0;
  for (const Work& work : unknown) scratch_bytes = std::max(scratch_bytes, linear_scratch_bytes(work.params));
  Copies copies{at, {}};
  const auto cache = static_cast<size_t>(std::max(attribute_of(driver, gpu.device, kAttributeCache), 0));
  const size_t wanted = std::min<size_t>(2 * cache / std::max<size_t>(bytes, 1) + 1, 16);
  if (!memory.alloc(x, static_cast<size_t>(most * w.columns) * 4) ||
      !memory.alloc(y, static_cast<size_t>(most * w.count) * 4) || !memory.alloc(scratch, scratch_bytes))
    return choices;
  const CUstream stream = tuner.stream();
  weight.wait(stream);
  while (copies.others.size() + 1 < wanted) {
    CUdeviceptr copy = 0;
    if (!memory.alloc(copy, bytes)) break;
    driver.check(driver.copy_async(copy, at, bytes, stream), "cuMemcpyDtoDAsync");
    copies.others.push_back(copy);
  }
  driver.check(driver.memset_async(x, 0x3f99999a, static_cast<size_t>(most * w.columns), stream), "cuMemsetD32Async");
  for (Work& work : unknown) {
    for (size_t i = 0; i < work.variants.size(); ++i)
      work.candidates[i].launch = [&, i](Context& cuda, int round) {
        LinearParams params = work.params;
        params.w = copies.rows(w, round);
        params.x = reinterpret_cast<const void*>(x);
        params.y = reinterpret_cast<void*>(y);
        run_linear(cuda, params, DType::kFloat32, reinterpret_cast<unsigned char*>(scratch), work.variants[i]);
      };
    try {
      if (const auto fastest = tuner.measure(work.shape, work.candidates))
        choices[static_cast<size_t>(work.of)] = work.variants[*fastest];
    } catch (const Error& error) {
      throw Error(error.code(), "while products with " + work.shape + " were timed: " + error.what());
    }
  }
  driver.check(driver.stream_synchronize(stream), "cuStreamSynchronize");
  return choices;
}

}  // namespace lophi::cuda
