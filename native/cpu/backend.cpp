#include "core/backend.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "cpu/limits.h"
#include "cpu/ops/table.h"
#include "cpu/processor.h"
#include "cpu/stream.h"
#include "cpu/thread_scratch.h"

namespace lophi {
namespace cpu {

WeightRows CpuWeight::Part::from(int64_t row) const {
  WeightRows w = rows;
  const auto skipped = static_cast<size_t>(row - first_row);
  w.data += skipped * w.stride;
  if (w.scales) w.scales += skipped * w.scale_stride;
  if (w.zeros) w.zeros += skipped * w.zero_stride;
  return w;
}

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

WeightRows rows_of(const WeightPart& part, int64_t columns) {
  const WeightGroups& groups = part.groups;
  const size_t scales = bytes_of(groups.scale_type, group_count(part, columns));
  return {part.format,      part.data.data,     row_bytes(part, columns), groups.size, groups.scale_type,
          groups.zero_type, groups.scales.data, groups.zeros.data,        scales,      zero_bytes(part, columns)};
}

size_t own_bytes(const WeightPart& part) {
  size_t sum = 0;
  for (const Bytes* bytes : {&part.data, &part.groups.scales, &part.groups.zeros, &part.order})
    if (!bytes->mapped) sum += bytes->size;
  return sum;
}

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

  // The weight keeps what it is made from: counted like any buffer.
  HostBytes host(size_t bytes) override {
    auto buffer = memory_->alloc(bytes);
    void* data = buffer->data;
    return {{std::move(buffer), static_cast<const std::byte*>(data), bytes, false}, static_cast<uint8_t*>(data)};
  }

  std::shared_ptr<const Weight> weight(WeightSpec spec) override {
    auto weight = std::make_shared<CpuWeight>();
    weight->rows = spec.rows;
    weight->columns = spec.columns;
    int64_t row = 0;
    for (WeightPart& part : spec.parts) {
      const WeightRows rows = rows_of(part, spec.columns);
      const int64_t first = std::exchange(row, row + part.rows);
      weight->device_bytes += own_bytes(part);
      if (part.rows) weight->parts.push_back({std::move(part), rows, first});
    }
    return weight;
  }

  std::shared_ptr<Executable> compile(Plan plan) override { return std::make_shared<Executable>(std::move(plan)); }
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
