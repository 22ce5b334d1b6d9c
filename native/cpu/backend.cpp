#include "core/backend.h"

#include <algorithm>

#include "core/error.h"
#include "cpu/limits.h"
#include "cpu/ops/table.h"
#include "cpu/processor.h"
#include "cpu/stream.h"
#include "cpu/thread_scratch.h"
#include "cpu/weight.h"

namespace lophi {
namespace cpu {

namespace {

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const Isa* isa : available_isas()) names.emplace_back(isa->name);
  return names;
}

DeviceInfo describe(const Isa& isa, int threads) {
  const Processor processor = processor_info();
  return {"cpu",
          "cpu",
          processor.name,
          processor.vendor,
          processor.memory,
          false,
          {{"isa", std::string(isa.name)}, {"isas", isa_names()}, {"threads", static_cast<double>(threads)}}};
}

int default_threads() { return limits_of_process().processors; }

class CpuDevice : public Device {
 public:
  CpuDevice(const Isa& isa, int threads)
      : executor_(std::make_shared<Executor>(threads, isa)),
        info_(describe(isa, executor_->threads())),
        memory_(make_pool(info_.memory)) {}

  const DeviceInfo& info() const override { return info_; }
  MemoryInfo memory() const override {
    MemoryInfo info = memory_->info();
    info.cached += thread_scratch_bytes();
    return info;
  }
  std::string refusal(const Call& call) const override {
    return call.kernel || call.op->id < 0 ? call.op->name + " on cpu" : "";
  }
  std::shared_ptr<Buffer> alloc(size_t bytes) override { return memory_->alloc(bytes); }

  std::shared_ptr<const Weight> weight(WeightSpec spec) override { return make_weight(*memory_, std::move(spec)); }

  std::shared_ptr<Executable> compile(Plan plan) override { return std::make_shared<Executable>(std::move(plan)); }
  bool compiles_slowly() const override { return false; }
  std::unique_ptr<Stream> stream() override {
    return std::make_unique<Queue>("cpu", std::make_unique<CpuLane>(executor_));
  }

 private:
  std::shared_ptr<Executor> executor_;
  DeviceInfo info_;
  std::shared_ptr<BlockPool> memory_;
};

std::vector<DeviceInfo> list(std::string&) { return {describe(select_isa(), default_threads())}; }

std::shared_ptr<Device> open(int, const OpenOptions& options) {
  return std::make_shared<CpuDevice>(select_isa(), options.threads > 0 ? options.threads : default_threads());
}

}  // namespace
}  // namespace cpu

extern const Backend kCpuBackend;
const Backend kCpuBackend{"cpu", cpu::list, cpu::open, [](Op op) { return cpu::function_of(op) != nullptr; }};

}  // namespace lophi
