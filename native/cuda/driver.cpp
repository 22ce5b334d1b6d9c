#include "cuda/driver.h"

#include "core/env.h"
#include "core/error.h"

namespace lophi::cuda {
namespace {

#ifdef _WIN32
constexpr const char* kLibrary = "nvcuda.dll";
#else
constexpr const char* kLibrary = "libcuda.so.1";
#endif

// Where each entry point goes. The _v2 names are the 64-bit ones, which cuda.h puts behind the plain names.
struct Entry {
  const char* name;
  void** slot;
};

template <class F>
void** slot(F*& function) {
  return reinterpret_cast<void**>(&function);
}

bool load(Driver& d, std::string& reason) {
  const Entry entries[] = {
      {"cuInit", slot(d.init)},
      {"cuGetErrorName", slot(d.error_name)},
      {"cuGetErrorString", slot(d.error_string)},
      {"cuDeviceGetCount", slot(d.device_count)},
      {"cuDeviceGet", slot(d.device_get)},
      {"cuDeviceGetName", slot(d.device_name)},
      {"cuDeviceTotalMem_v2", slot(d.device_memory)},
      {"cuDeviceGetAttribute", slot(d.device_attribute)},
      {"cuDevicePrimaryCtxRetain", slot(d.context_retain)},
      {"cuDevicePrimaryCtxRelease_v2", slot(d.context_release)},
      {"cuCtxPushCurrent_v2", slot(d.context_push)},
      {"cuCtxPopCurrent_v2", slot(d.context_pop)},
      {"cuMemAlloc_v2", slot(d.alloc)},
      {"cuMemFree_v2", slot(d.free)},
      {"cuMemAllocHost_v2", slot(d.alloc_host)},
      {"cuMemFreeHost", slot(d.free_host)},
      {"cuMemcpyHtoDAsync_v2", slot(d.upload_async)},
      {"cuMemcpyDtoHAsync_v2", slot(d.download_async)},
      {"cuMemcpyDtoDAsync_v2", slot(d.copy_async)},
      {"cuMemsetD32Async", slot(d.memset_async)},
      {"cuStreamCreate", slot(d.stream_create)},
      {"cuStreamDestroy_v2", slot(d.stream_destroy)},
      {"cuStreamSynchronize", slot(d.stream_synchronize)},
      {"cuStreamWaitEvent", slot(d.stream_wait_event)},
      {"cuEventCreate", slot(d.event_create)},
      {"cuEventDestroy_v2", slot(d.event_destroy)},
      {"cuEventRecord", slot(d.event_record)},
      {"cuEventQuery", slot(d.event_query)},
      {"cuEventSynchronize", slot(d.event_synchronize)},
      {"cuEventElapsedTime", slot(d.event_elapsed)},
      {"cuModuleLoadData", slot(d.module_load)},
      {"cuModuleUnload", slot(d.module_unload)},
      {"cuModuleGetFunction", slot(d.module_function)},
      {"cuLaunchKernelEx", slot(d.launch)},
      {"cuStreamBeginCapture_v2", slot(d.begin_capture)},
      {"cuStreamEndCapture", slot(d.end_capture)},
      {"cuGraphInstantiateWithFlags", slot(d.graph_instantiate)},
      {"cuGraphLaunch", slot(d.graph_launch)},
      {"cuGraphDestroy", slot(d.graph_destroy)},
      {"cuGraphExecDestroy", slot(d.graph_exec_destroy)},
  };
  for (const Entry& entry : entries) {
    *entry.slot = d.library->symbol(entry.name);
    if (*entry.slot) continue;
    reason = d.library->path() + ": the driver must export " + entry.name + ", but it does not";
    return false;
  }
  return true;
}

// Errors after which every call of the context fails: memory faults, timeouts, hardware, a lost bus.
bool is_sticky(CUresult result) {
  return (result >= 700 && result != 701 && result != 704 && result != 705 && result < 720) || result == 4 ||
         result == 214 || result == 220 || result == 46;
}

// The first whose drivers run the code of the compiler that makes the images.
constexpr int kOldest = 12000;

bool is_new_enough(Driver& d, std::string& reason) {
  const auto version = reinterpret_cast<CUresult (*)(int*)>(d.library->symbol("cuDriverGetVersion"));
  if (version && version(&d.version) == kSuccess && d.version >= kOldest) return true;
  reason = d.library->path() + (version ? ": the driver must support CUDA " + dotted_version(kOldest) +
                                              ", but it supports " + dotted_version(d.version)
                                        : ": the driver must export cuDriverGetVersion, but it does not");
  return false;
}

bool start(Driver& d, std::string& reason) {
  const std::string asked = env::cuda_driver();
  d.library = Library::open(asked.empty() ? kLibrary : asked, reason);
  if (!d.library || !is_new_enough(d, reason) || !load(d, reason)) return false;
  try {
    d.check(d.init(0), "cuInit");
  } catch (const Error& error) {
    reason = d.library->path() + ": " + error.what();
    return false;
  }
  const auto* emulated = static_cast<const int*>(d.library->symbol("lophi_simt_driver"));
  d.emulated = emulated && *emulated;
  return true;
}

}  // namespace

void Driver::check(CUresult result, const char* call) const {
  if (result == kSuccess) return;
  const char *name = nullptr, *text = nullptr;
  error_name(result, &name);
  error_string(result, &text);
  const char* code = result == kOutOfMemory ? "ERR_OUT_OF_MEMORY"
                     : is_sticky(result)    ? "ERR_DEVICE_LOST"
                                            : "ERR_DRIVER";
  throw Error(code, std::string(call) + ": " + (name ? name : "error " + std::to_string(result)) +
                        (text ? std::string(": ") + text : ""));
}

std::string dotted_version(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

int attribute_of(const Driver& driver, CUdevice device, int attribute) {
  int value = 0;
  driver.check(driver.device_attribute(&value, attribute, device), "cuDeviceGetAttribute");
  return value;
}

int capability_of(const Driver& driver, CUdevice device) {
  return attribute_of(driver, device, kAttributeMajor) * 10 + attribute_of(driver, device, kAttributeMinor);
}

const Driver* driver(std::string& reason) {
  static Driver loaded;
  static std::string why;
  static const bool ready = start(loaded, why);
  reason = why;
  return ready ? &loaded : nullptr;
}

}  // namespace lophi::cuda
