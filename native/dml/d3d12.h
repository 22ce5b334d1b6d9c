// Adapters by DXGI, and what one open adapter consists of.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/backend.h"
#include "dml/loader.h"
#include "dml/memory.h"
#include "dml/shader.h"

namespace lophi::dml {

class Commands;
struct DirectMlDevice;

struct Adapter {
  ComPtr<IDXGIAdapter1> adapter;
  DeviceInfo info;
};

// Adapters that make a Direct3D 12 device, the fastest first; none, with the reason.
std::vector<Adapter> adapters(const Api& api, std::string& reason);

// One open adapter. Its parts are safe to use from several threads; lists (dml/commands.h) belong to one.
struct Gpu {
  Gpu(const Api& api, Adapter on);
  ~Gpu();

  // Runs what `record` puts into a list and waits for it: for what is done once, not for ops.
  void execute(const std::function<void(Commands&)>& record);
  // Throws ERR_DEVICE_LOST or ERR_DRIVER where Direct3D or DirectML has given up: their void calls report nothing else.
  void check_alive();
  // DirectML on this device, made when `what` first needs it; throws ERR_OP_UNSUPPORTED, naming both, where there is none or it is too old.
  DirectMlDevice& directml(const char* what);

  const DeviceInfo info;
  const ComPtr<IDXGIAdapter1> adapter;  // outlives the device: its last release may unload the driver
  ComPtr<ID3D12Device> device;
  ComPtr<ID3D12CommandQueue> queue;
  std::shared_ptr<BlockPool> memory;
  std::unique_ptr<Shaders> shaders;

 private:
  std::mutex directml_mutex_;
  std::unique_ptr<DirectMlDevice> directml_;
};

// Signals completion of a queue's work, in order.
class Fence {
 public:
  explicit Fence(ID3D12Device* device);
  void signal(ID3D12CommandQueue* queue, UINT64 value);
  UINT64 completed() const { return fence_->GetCompletedValue(); }  // all ones once the device is lost
  void wait(UINT64 value);                                          // blocks; throws ERR_DEVICE_LOST

 private:
  ComPtr<ID3D12Device> device_;
  ComPtr<ID3D12Fence> fence_;
};

}  // namespace lophi::dml
