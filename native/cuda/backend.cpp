#include "core/backend.h"

#include "core/error.h"
#include "core/images.h"
#include "cuda/ops/table.h"
#include "cuda/stream.h"

namespace lophi {
namespace cuda {
namespace {

std::string dotted(int capability) { return std::to_string(capability / 10) + "." + std::to_string(capability % 10); }

// `missing`: why the device cannot be used, if so.
DeviceInfo describe(const Driver& driver, int index, std::string& missing) {
  CUdevice device = 0;
  char name[256] = "";
  size_t memory = 0;
  driver.check(driver.device_get(&device, index), "cuDeviceGet");
  driver.check(driver.device_name(name, sizeof name - 1, device), "cuDeviceGetName");
  driver.check(driver.device_memory(&memory, device), "cuDeviceTotalMem");
  const int capability = capability_of(driver, device);
  DeviceInfo info{"cuda:" + std::to_string(index),
                  "cuda",
                  name,
                  driver.emulated ? "" : "NVIDIA",
                  memory,
                  driver.emulated,
                  {{"driver", dotted_version(driver.version)}, {"computeCapability", dotted(capability)}}};
  if (driver.emulated) return info;
  const auto names = image_names("cuda");
  const std::string image = choose_image(names, capability);
  if (image.empty())
    missing = info.id + ", " + info.name + ": a kernel image for compute capability " + dotted(capability) +
              " must lie beside the addon, but there is none; `npm run cuda:images` makes them";
  else
    info.details.emplace_back("image", "cuda/" + image);
  return info;
}

class CudaDevice : public Device {
 public:
  CudaDevice(const Driver& driver, DeviceInfo info, CUdevice device, Bytes image)
      : info_(std::move(info)),
        gpu_(std::make_shared<const Gpu>(driver, device, info_.id)),
        memory_(device_pool(gpu_, info_.memory)),
        pinned_(pinned_pool(gpu_)),
        modules_(std::make_shared<Modules>(gpu_, std::move(image))),
        loader_(gpu_, modules_, memory_, pinned_) {}

  const DeviceInfo& info() const override { return info_; }
  MemoryInfo memory() const override { return memory_->info(); }
  std::string refusal(const Call& call) const override { return cuda::refusal(call); }
  std::span<const std::shared_ptr<const Kernel>> fused() const override { return cuda::fused(); }
  size_t scratch(const Call& call) const override { return scratch_of(call); }
  std::shared_ptr<Buffer> alloc(size_t bytes) override { return memory_->alloc(bytes); }

  std::shared_ptr<const Weight> weight(WeightSpec spec) override { return loader_.load(spec); }

  std::shared_ptr<Executable> compile(Plan plan) override {
    return std::make_shared<CudaExecutable>(gpu_, *modules_, std::move(plan));
  }
  std::unique_ptr<Stream> stream() override {
    return std::make_unique<Queue>(info_.id, std::make_unique<CudaLane>(gpu_, modules_, pinned_));
  }

 private:
  DeviceInfo info_;
  std::shared_ptr<const Gpu> gpu_;
  std::shared_ptr<BlockPool> memory_, pinned_;
  std::shared_ptr<Modules> modules_;
  WeightLoader loader_;
};

std::vector<DeviceInfo> list(std::string& reason) {
  const Driver* driver = cuda::driver(reason);
  std::vector<DeviceInfo> devices;
  if (!driver) return devices;
  int count = 0;
  try {
    driver->check(driver->device_count(&count), "cuDeviceGetCount");
    if (count == 0) reason = "the driver knows no device";
  } catch (const Error& error) {
    reason = error.what();
  }
  for (int index = 0; index < count; ++index) {
    std::string missing;
    try {
      DeviceInfo info = describe(*driver, index, missing);
      if (missing.empty()) devices.push_back(std::move(info));
    } catch (const Error& error) {
      missing = "cuda:" + std::to_string(index) + ": " + error.what();
    }
    if (!missing.empty()) reason += (reason.empty() ? "" : "; ") + missing;
  }
  return devices;
}

// `index` counts what list() gave; the device's own number stands in its id.
std::shared_ptr<Device> open(int index, const OpenOptions& options) {
  std::string reason;
  std::vector<DeviceInfo> devices = list(reason);
  if (static_cast<size_t>(index) >= devices.size()) throw Error("ERR_DEVICE_ABSENT", "cuda: " + reason);
  const Driver& driver = *cuda::driver(reason);
  DeviceInfo& info = devices[static_cast<size_t>(index)];
  CUdevice device = 0;
  driver.check(driver.device_get(&device, std::stoi(info.id.substr(info.id.find(':') + 1))), "cuDeviceGet");
  return std::make_shared<CudaDevice>(driver, std::move(info), device, options.image);
}

}  // namespace
}  // namespace cuda

extern const Backend kCudaBackend;
const Backend kCudaBackend{"cuda", cuda::list, cuda::open, [](Op op) { return cuda::function_of(op) != nullptr; }};

}  // namespace lophi
