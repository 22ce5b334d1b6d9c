#include "dml/d3d12.h"

#include <cstdio>
#include <limits>

#include "core/error.h"
#include "dml/check.h"
#include "dml/commands.h"
#include "dml/graph.h"

namespace lophi::dml {
namespace {

std::string utf8(const wchar_t* text) {
  const int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr);
  if (size <= 1) return {};
  std::string result(static_cast<size_t>(size) - 1, '\0');
  WideCharToMultiByte(CP_UTF8, 0, text, -1, result.data(), size, nullptr, nullptr);
  return result;
}

std::string vendor_name(UINT id) {
  switch (id) {
    case 0x1002:
      return "AMD";
    case 0x10de:
      return "NVIDIA";
    case 0x8086:
      return "Intel";
    case 0x5143:
    case 0x4d4f4351:
      return "Qualcomm";
    case 0x1414:
      return "Microsoft";
    case 0x10005:
      return "Mesa";
    default:
      char text[12];
      std::snprintf(text, sizeof text, "0x%x", id);
      return text;
  }
}

// WARP, and Mesa's Vulkan driver for processors, which Wine may show with a made-up vendor.
bool is_software(const DXGI_ADAPTER_DESC1& desc, const std::string& name) {
  return (desc.Flags & DXGI_ADAPTER_FLAG_SOFTWARE) || (desc.VendorId == 0x1414 && desc.DeviceId == 0x8c) ||
         name.find("llvmpipe") != std::string::npos;
}

std::string driver_version(IDXGIAdapter1* adapter) {
  LARGE_INTEGER v;
  if (FAILED(adapter->CheckInterfaceSupport(__uuidof(IDXGIDevice), &v))) return "unknown";
  const auto part = [&](int shift) { return std::to_string(v.QuadPart >> shift & 0xffff); };
  return part(48) + "." + part(32) + "." + part(16) + "." + part(0);
}

// 6.3: the first with root mean square normalisation; Windows' own DirectML.dll may be older
constexpr DML_FEATURE_LEVEL kFeatureLevel = DML_FEATURE_LEVEL_6_3;

std::string too_old(const Api& api, HRESULT result) {
  return api.directml + " must have feature level 6.3 (DirectML 1.15), but DMLCreateDevice1 failed with " +
         describe(result);
}

// Why this DirectML.dll cannot be used, empty where it can: what it lacks, it lacks on every adapter.
std::string refusal_of(const Api& api, IDXGIAdapter1* adapter) {
  ComPtr<ID3D12Device> device;
  if (FAILED(api.create_device(adapter, D3D_FEATURE_LEVEL_11_0, IID_PPV_ARGS(&device)))) return {};
  ComPtr<IDMLDevice1> dml;
  const HRESULT result =
      api.create_dml_device(device.Get(), DML_CREATE_DEVICE_FLAG_NONE, kFeatureLevel, IID_PPV_ARGS(&dml));
  return FAILED(result) ? too_old(api, result) : std::string();
}

}  // namespace

std::vector<Adapter> adapters(const Api& api, std::string& reason) {
  ComPtr<IDXGIFactory1> factory;
  if (const HRESULT result = api.create_factory(IID_PPV_ARGS(&factory)); FAILED(result)) {
    reason = "CreateDXGIFactory1 failed with " + describe(result);
    return {};
  }
  ComPtr<IDXGIFactory6> sorted;
  factory.As(&sorted);
  std::vector<Adapter> found;
  reason = "Windows has no graphics adapter";
  for (UINT i = 0;; ++i) {
    ComPtr<IDXGIAdapter1> adapter;
    const HRESULT result =
        sorted ? sorted->EnumAdapterByGpuPreference(i, DXGI_GPU_PREFERENCE_HIGH_PERFORMANCE, IID_PPV_ARGS(&adapter))
               : factory->EnumAdapters1(i, &adapter);
    if (FAILED(result)) break;
    DXGI_ADAPTER_DESC1 desc{};
    if (FAILED(adapter->GetDesc1(&desc))) continue;
    const std::string name = utf8(desc.Description);
    // a null pointer asks only whether it could be made
    const HRESULT makes = api.create_device(adapter.Get(), D3D_FEATURE_LEVEL_11_0, __uuidof(ID3D12Device), nullptr);
    if (FAILED(makes)) {
      reason = name + ": D3D12CreateDevice failed with " + describe(makes);
      continue;
    }
    static const std::string refused = refusal_of(api, adapter.Get());
    if (!refused.empty()) {
      reason = refused;
      return {};
    }
    DeviceInfo info;
    info.id = "dml:" + std::to_string(found.size());
    info.backend = "dml";
    info.name = name;
    info.vendor = vendor_name(desc.VendorId);
    // an integrated adapter computes in system memory and has only a scrap of its own
    constexpr uint64_t kDiscrete = uint64_t{1} << 30;
    info.memory = desc.DedicatedVideoMemory >= kDiscrete ? desc.DedicatedVideoMemory
                                                         : desc.DedicatedVideoMemory + desc.SharedSystemMemory;
    info.software = is_software(desc, name);
    info.details = {{"driver", driver_version(adapter.Get())}, {"directml", api.directml}};
    found.push_back({std::move(adapter), std::move(info)});
  }
  return found;
}

Gpu::Gpu(const Api& api, Adapter on) : info(std::move(on.info)), adapter(std::move(on.adapter)) {
  check(api.create_device(adapter.Get(), D3D_FEATURE_LEVEL_11_0, IID_PPV_ARGS(&device)), "D3D12CreateDevice");
  if (const HRESULT result =
          api.create_dml_device(device.Get(), DML_CREATE_DEVICE_FLAG_NONE, kFeatureLevel, IID_PPV_ARGS(&dml));
      FAILED(result))
    throw Error("ERR_DEVICE_ABSENT", info.id + ": " + too_old(api, result));
  D3D12_COMMAND_QUEUE_DESC desc{};
  desc.Type = D3D12_COMMAND_LIST_TYPE_COMPUTE;
  desc.Flags = D3D12_COMMAND_QUEUE_FLAG_DISABLE_GPU_TIMEOUT;
  check(device->CreateCommandQueue(&desc, IID_PPV_ARGS(&queue)), "ID3D12Device::CreateCommandQueue", device.Get());
  memory = make_pool(device, info.id, info.memory);
  descriptors = std::make_shared<Descriptors>(device);
  shaders = std::make_unique<Shaders>(api, device);
  graphs = std::make_unique<Graphs>(*this);
  memory->on_shortage([this] { graphs->drop(); });
}

Gpu::~Gpu() = default;

void Gpu::execute(const std::function<void(Commands&)>& record) {
  Shared shared;
  Commands commands(*this, shared);
  record(commands);
  ID3D12CommandList* list = commands.close();
  check_alive();
  queue->ExecuteCommandLists(1, &list);
  Fence fence(device.Get());
  fence.signal(queue.Get(), 1);
  fence.wait(1);
}

void Gpu::check_alive() {
  check(device->GetDeviceRemovedReason(), "Direct3D 12: a call before this one", device.Get());
  const HRESULT result = dml->GetDeviceRemovedReason();
  if (FAILED(result))
    throw Error("ERR_DEVICE_LOST",
                "DirectML removed the device, because of " + describe(result) + ": a binding or a dispatch was wrong");
}

Fence::Fence(ID3D12Device* device) : device_(device) {
  check(device->CreateFence(0, D3D12_FENCE_FLAG_NONE, IID_PPV_ARGS(&fence_)), "ID3D12Device::CreateFence", device);
}

void Fence::signal(ID3D12CommandQueue* queue, UINT64 value) {
  check(queue->Signal(fence_.Get(), value), "ID3D12CommandQueue::Signal", device_.Get());
}

void Fence::wait(UINT64 value) {
  if (fence_->GetCompletedValue() < value) {
    const HANDLE event = CreateEventW(nullptr, FALSE, FALSE, nullptr);
    if (!event) throw Error("ERR_OUT_OF_MEMORY", "CreateEvent failed with error " + std::to_string(GetLastError()));
    const HRESULT result = fence_->SetEventOnCompletion(value, event);
    if (SUCCEEDED(result)) WaitForSingleObject(event, INFINITE);
    CloseHandle(event);
    check(result, "ID3D12Fence::SetEventOnCompletion", device_.Get());
  }
  if (fence_->GetCompletedValue() == std::numeric_limits<UINT64>::max())
    check(DXGI_ERROR_DEVICE_REMOVED, "ID3D12Fence::GetCompletedValue", device_.Get());
}

}  // namespace lophi::dml
