#include "core/backend.h"

#include "core/error.h"
#include "dml/ops/table.h"
#include "dml/stream.h"

namespace lophi {
namespace dml {
namespace {

class DmlDevice : public Device {
 public:
  explicit DmlDevice(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}

  const DeviceInfo& info() const override { return gpu_->info; }
  MemoryInfo memory() const override { return gpu_->memory->info(); }
  std::string refusal(const Call& call) const override { return dml::refusal(call); }
  size_t scratch(const Call& call) const override { return dml::scratch(*gpu_, call); }
  std::shared_ptr<Buffer> alloc(size_t bytes) override { return gpu_->memory->alloc(bytes); }
  std::shared_ptr<const Weight> weight(WeightSpec spec) override { return make_weight(*gpu_, spec); }

  std::shared_ptr<Executable> compile(Plan plan) override {
    return std::make_shared<DmlExecutable>(gpu_, std::move(plan));
  }
  std::unique_ptr<Stream> stream() override {
    return std::make_unique<Queue>(gpu_->info.id, std::make_unique<DmlLane>(gpu_));
  }

 private:
  std::shared_ptr<Gpu> gpu_;
};

std::vector<DeviceInfo> list(std::string& reason) {
  const Api* api = load(reason);
  if (!api) return {};
  std::vector<DeviceInfo> infos;
  for (Adapter& adapter : adapters(*api, reason)) infos.push_back(std::move(adapter.info));
  return infos;
}

std::shared_ptr<Device> open(int index, const OpenOptions&) {
  std::string reason;
  const Api* api = load(reason);
  std::vector<Adapter> found;
  if (api) found = adapters(*api, reason);
  if (static_cast<size_t>(index) >= found.size())
    throw Error("ERR_DEVICE_ABSENT", "dml: adapter " + std::to_string(index) + " is gone: " + reason);
  return std::make_shared<DmlDevice>(std::make_shared<Gpu>(*api, std::move(found[static_cast<size_t>(index)])));
}

}  // namespace
}  // namespace dml

extern const Backend kDmlBackend;
const Backend kDmlBackend{"dml", dml::list, dml::open, [](Op op) { return dml::function_of(op) != nullptr; }};

}  // namespace lophi
