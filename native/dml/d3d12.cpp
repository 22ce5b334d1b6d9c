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

// 6.3: the first with int4 and root mean square normalisation; Windows' own DirectML.dll may be older
constexpr DML_FEATURE_LEVEL kFeatureLevel = DML_FEATURE_LEVEL_6_3;

// null, with the reason, where DirectML is absent or too old.
ComPtr<IDMLDevice1> make_directml(ID3D12Device* device, std::string& reason) {
  const DirectMl* directml = load_directml(reason);
  if (!directml) return nullptr;
  ComPtr<IDMLDevice1> dml;
  const HRESULT result =
      directml->create_device(device, DML_CREATE_DEVICE_FLAG_NONE, kFeatureLevel, IID_PPV_ARGS(&dml));
  if (FAILED(result))
    reason = directml->path + " (" + directml->version +
             ") must have feature level 6.3 (DirectML 1.15), but DMLCreateDevice1 failed with " + describe(result);
  return dml;
}

// What devices tell of DirectML: the DLL, its version and feature level, or why it is not used.
using Details = decltype(DeviceInfo::details);
Details describe_directml(const Api& api, IDXGIAdapter1* adapter) {
  std::string reason;
  ComPtr<ID3D12Device> device;
  ComPtr<IDMLDevice1> dml;
  if (SUCCEEDED(api.create_device(adapter, D3D_FEATURE_LEVEL_11_0, IID_PPV_ARGS(&device))))
    dml = make_directml(device.Get(), reason);
  if (!dml) return {{"directml", "none: " + reason}};
  constexpr DML_FEATURE_LEVEL kLevels[] = {DML_FEATURE_LEVEL_6_3, DML_FEATURE_LEVEL_6_4};
  const DML_FEATURE_QUERY_FEATURE_LEVELS asked{static_cast<UINT>(std::size(kLevels)), kLevels};
  DML_FEATURE_DATA_FEATURE_LEVELS level{kFeatureLevel};
  dml->CheckFeatureSupport(DML_FEATURE_FEATURE_LEVELS, sizeof asked, &asked, sizeof level, &level);
  const auto number = static_cast<unsigned>(level.MaxSupportedFeatureLevel);
  const DirectMl& directml = *load_directml(reason);
  return {{"directml", directml.path},
          {"directmlVersion", directml.version},
          {"featureLevel", std::to_string(number >> 12) + "." + std::to_string(number >> 8 & 15)}};
}

std::string luid_of(const DXGI_ADAPTER_DESC1& desc) {
  char text[20];
  std::snprintf(text, sizeof text, "%08lx:%08lx", static_cast<unsigned long>(desc.AdapterLuid.HighPart),
                static_cast<unsigned long>(desc.AdapterLuid.LowPart));
  return text;
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
    static const Details directml = describe_directml(api, adapter.Get());  // the same for all
    info.details = {{"driver", driver_version(adapter.Get())}, {"luid", luid_of(desc)}};
    info.details.insert(info.details.end(), directml.begin(), directml.end());
    found.push_back({std::move(adapter), std::move(info)});
  }
  if (found.empty() && reason.empty()) reason = "Windows has no graphics adapter";
  return found;
}

Gpu::Gpu(const Api& api, Adapter on) : info(std::move(on.info)), adapter(std::move(on.adapter)) {
  check(api.create_device(adapter.Get(), D3D_FEATURE_LEVEL_11_0, IID_PPV_ARGS(&device)), "D3D12CreateDevice");
  D3D12_COMMAND_QUEUE_DESC desc{};
  desc.Type = D3D12_COMMAND_LIST_TYPE_COMPUTE;
  desc.Flags = D3D12_COMMAND_QUEUE_FLAG_DISABLE_GPU_TIMEOUT;
  check(device->CreateCommandQueue(&desc, IID_PPV_ARGS(&queue)), "ID3D12Device::CreateCommandQueue", device.Get());
  memory = make_pool(device, info.id, info.memory);
  shaders = std::make_unique<Shaders>(api, device);
  memory->on_shortage([this] {
    const std::lock_guard lock(directml_mutex_);
    if (directml_) directml_->graphs.drop();
  });
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
  const std::lock_guard lock(directml_mutex_);
  const HRESULT result = directml_ ? directml_->dml->GetDeviceRemovedReason() : S_OK;
  if (FAILED(result))
    throw Error("ERR_DEVICE_LOST",
                "DirectML removed the device, because of " + describe(result) + ": a binding or a dispatch was wrong");
}

DirectMlDevice& Gpu::directml(const char* what) {
  const std::lock_guard lock(directml_mutex_);
  if (!directml_) {
    std::string reason;
    auto made = make_directml(device.Get(), reason);
    if (!made) throw Error("ERR_OP_UNSUPPORTED", std::string(what) + " on " + info.id + " needs DirectML: " + reason);
    directml_ = std::make_unique<DirectMlDevice>(device.Get(), std::move(made));
  }
  return *directml_;
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
