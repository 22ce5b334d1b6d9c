// A CUDA driver without a GPU: the entry points that native/cuda uses, with kernels run by simt.h. Work on a stream is deferred
// until somebody waits for it, so a buffer freed or overwritten too early shows. Sees these environment variables anew at every call:
//   LOPHI_FAKE_CUDA_FAIL    "<call or kernel>:<n>:<CUresult>": from its n-th time on it fails so; from 700 on the context is lost
//   LOPHI_FAKE_CUDA_DELAY   "<call>:<milliseconds>": it takes so long, and holds up nobody else
//   LOPHI_FAKE_CUDA_MEMORY  bytes of a device, 1 GiB unless given
//   LOPHI_FAKE_CUDA_CAPABILITY  compute capability, 80 unless given; with commas between them, of as many devices
//   LOPHI_FAKE_CUDA_TIME    "<kernel>:<microseconds>", with commas between several: what events behind it tell that it took; "kernel/16"
//                           is that in a grid of 16 blocks along x, "*" all others, which take 1 unless given
//   LOPHI_FAKE_CUDA_IDLE    kernels take their time, but do nothing
//   LOPHI_FAKE_CUDA_MULTIPROCESSORS  of a device, 2 unless given
//   LOPHI_FAKE_CUDA_CLOCK   kHz of a device, 1000000 unless given
//   LOPHI_FAKE_CUDA_VERSION  what cuDriverGetVersion gives, 12080 unless given
// and once
//   LOPHI_FAKE_CUDA_SLOW    milliseconds that cuInit takes
//   LOPHI_FAKE_CUDA_COUNTS  a file that receives the counters below as 64-bit integers
//   LOPHI_FAKE_CUDA_IMAGES  images are needed, as on a GPU: cubins or PTX; their kernels are still found by name
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "simt.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

// Every kernel of native/cuda/ops, made by scripts/simt-driver.mjs.
std::vector<simt::Kernel> all_kernels();

namespace {

constexpr int kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kInvalidContext = 201, kInvalidHandle = 400,
              kNotFound = 500, kNotReady = 600, kLaunchFailed = 719, kCaptureInvalid = 901;

struct Counts {
  uint64_t launches, graph_launches, kernels, bytes_up, bytes_down, device_bytes, calls, early_launches;
};

struct Event {
  struct Stream* stream = nullptr;
  uint64_t recorded = 0, reached = 0;  // times
  double at = 0;                       // when it was last reached
  bool timed = true;
};

using Work = std::function<void()>;

struct Graph {
  std::vector<Work> nodes;
};

struct Stream {
  explicit Stream(struct Gpu& gpu) : gpu(gpu) {}
  struct Gpu& gpu;
  std::deque<Work> queue;
  std::unique_ptr<Graph> capture;
};

// Its address is that of its context.
struct Gpu {
  int lost = 0, context_users = 0;
  std::map<uintptr_t, size_t> memory;  // address -> bytes
  size_t bytes = 0;
  std::set<Stream*> streams;
  Stream null_stream{*this};  // which streams that do not block do not wait for
};

// CUlaunchConfig
struct LaunchConfig {
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared;
  Stream* stream;
  const int* attribute;  // its id, padding, its value; one of them is known here
  unsigned attributes;
};

struct Failure {
  int result;
};

std::recursive_mutex mutex;
Counts own_counts, *counts = &own_counts;
std::string detail = "the emulator failed";
std::map<uintptr_t, size_t> pinned;  // address -> bytes
constexpr int kMaxGpus = 8;
Gpu gpus[kMaxGpus];
thread_local std::vector<Gpu*> contexts;
double now = 0;  // microseconds that all kernels so far have taken

Gpu& current() {
  if (contexts.empty()) throw Failure{kInvalidContext};
  return *contexts.back();
}

// Of every device.
std::vector<int> capabilities() {
  const char* asked = std::getenv("LOPHI_FAKE_CUDA_CAPABILITY");
  std::vector<int> all;
  std::stringstream text(asked ? asked : "80");
  for (std::string one; std::getline(text, one, ',') && all.size() < kMaxGpus;) all.push_back(std::stoi(one));
  return all;
}

// The result that was asked for by LOPHI_FAKE_CUDA_FAIL, when its time has come.
int injected(const std::string& name) {
  static std::string asked;
  static long seen = 0;
  const char* value = std::getenv("LOPHI_FAKE_CUDA_FAIL");
  const std::string text = value ? value : "";
  if (text != asked) {
    asked = text;
    seen = 0;
  }
  const size_t first = text.find(':'), second = text.find(':', first + 1);
  if (second == std::string::npos || text.substr(0, first) != name) return 0;
  return ++seen >= std::stol(text.substr(first + 1, second - first - 1)) ? std::stoi(text.substr(second + 1)) : 0;
}

void delay(std::string_view name) {
  const char* value = std::getenv("LOPHI_FAKE_CUDA_DELAY");
  const std::string_view text = value ? value : "";
  if (const size_t colon = text.find(':'); colon != text.npos && text.substr(0, colon) == name)
    usleep(1000 * std::atoi(value + colon + 1));
}

// Microseconds that a kernel takes, by LOPHI_FAKE_CUDA_TIME.
double time_of(const std::string& kernel, unsigned grid) {
  const char* value = std::getenv("LOPHI_FAKE_CUDA_TIME");
  std::map<std::string, double> given;
  std::stringstream text(value ? value : "");
  for (std::string one; std::getline(text, one, ',');)
    if (const size_t colon = one.find(':'); colon != std::string::npos)
      given[one.substr(0, colon)] = std::stod(one.substr(colon + 1));
  for (const std::string& name : {kernel + "/" + std::to_string(grid), kernel, std::string("*")})
    if (const auto found = given.find(name); found != given.end()) return found->second;
  return 1;
}

int broken(Gpu& gpu, int result) {
  if (result >= 700 && result < 720) gpu.lost = result;
  return result;
}

// What every entry point has in common. `needs_context`: fails without a current one, as the driver does.
template <class F>
int entry(const char* name, bool needs_context, F&& body) {
  delay(name);
  const std::lock_guard lock(mutex);
  ++counts->calls;
  try {
    if (needs_context && current().lost) return current().lost;
    if (const int result = injected(name)) {
      detail = std::string("injected into ") + name;
      return needs_context ? broken(current(), result) : result;
    }
    body();
    return kSuccess;
  } catch (const Failure& failure) {
    return failure.result;
  }
}

void require(bool condition, int result = kInvalidValue) {
  if (!condition) throw Failure{result};
}

void run_one(Stream& stream) {
  const Work work = std::move(stream.queue.front());
  stream.queue.pop_front();
  try {
    work();
  } catch (const Failure& failure) {
    throw Failure{broken(stream.gpu, failure.result)};
  }
  if (stream.gpu.lost) throw Failure{stream.gpu.lost};
}

void run_all(Stream& stream) {
  while (!stream.queue.empty()) run_one(stream);
}

// Runs what stands before the `time`-th record of the event, and no more.
void run_until(Event& event, uint64_t time) {
  while (event.reached < time && !event.stream->queue.empty()) run_one(*event.stream);
}

// A stream of the current context; null is its own.
Stream& stream_of(Stream* stream) {
  if (!stream) return current().null_stream;
  if (&stream->gpu != &current()) throw Failure{kInvalidHandle};
  return *stream;
}

void enqueue(Stream& stream, Work work) {
  if (stream.capture)
    stream.capture->nodes.push_back(std::move(work));
  else
    stream.queue.push_back(std::move(work));
}

void run_everything(Gpu& gpu) {
  run_all(gpu.null_stream);
  for (Stream* stream : gpu.streams) run_all(*stream);
}

// Throws unless [at, at + bytes) lies in one live allocation of the device.
void check_range(Gpu& gpu, uintptr_t at, size_t bytes) {
  auto block = gpu.memory.upper_bound(at);
  const bool inside = block != gpu.memory.begin() && (--block, at + bytes <= block->first + block->second);
  if (inside) return;
  detail = "simt: " + std::to_string(bytes) + " bytes at an address that is not allocated";
  throw Failure{broken(gpu, 700)};
}

void copy(void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }

// Pageable memory is staged before the call returns.
void enqueue_upload(Stream& stream, uintptr_t to, const void* from, size_t bytes) {
  const auto* first = static_cast<const char*>(from);
  const auto staged = std::make_shared<std::vector<char>>(first, first + bytes);
  enqueue(stream, [=, gpu = &stream.gpu] {
    check_range(*gpu, to, bytes);
    copy(reinterpret_cast<void*>(to), staged->data(), bytes);
  });
}

// Whether the address lies in pinned memory.
bool pinned_at(const void* at) {
  const auto block = pinned.upper_bound(reinterpret_cast<uintptr_t>(at));
  return block != pinned.begin() &&
         reinterpret_cast<uintptr_t>(at) < std::prev(block)->first + std::prev(block)->second;
}

const simt::Kernel* kernel_named(const std::string& name) {
  static const std::vector<simt::Kernel> kernels = all_kernels();
  for (const simt::Kernel& kernel : kernels)
    if (name == kernel.name) return &kernel;
  return nullptr;
}

void run_kernel(const simt::Kernel& kernel, simt::Dim grid, simt::Dim block, size_t shared,
                const std::vector<std::vector<char>>& arguments) {
  if (const int result = injected(kernel.name)) {
    detail = std::string("injected into ") + kernel.name;
    throw Failure{result};
  }
  std::vector<void*> params;
  for (const auto& argument : arguments) params.push_back(const_cast<char*>(argument.data()));
  ++counts->kernels;
  now += time_of(kernel.name, grid.x);
  if (std::getenv("LOPHI_FAKE_CUDA_IDLE")) return;
  try {
    simt::launch(kernel, grid, block, shared, params.data());
  } catch (const std::runtime_error& error) {
    detail = error.what();
    throw Failure{kLaunchFailed};
  }
}

}  // namespace

// Tells native/cuda that kernels are found by name: no image is needed.
EXPORT const int lophi_simt_driver;
const int lophi_simt_driver = std::getenv("LOPHI_FAKE_CUDA_IMAGES") ? 0 : 1;

EXPORT int cuInit(unsigned) {
  return entry("cuInit", false, [] {
    if (const char* slow = std::getenv("LOPHI_FAKE_CUDA_SLOW")) usleep(1000 * std::atoi(slow));
    const char* file = std::getenv("LOPHI_FAKE_CUDA_COUNTS");
    if (!file) return;
    const int descriptor = open(file, O_RDWR | O_CREAT, 0600);
    require(descriptor >= 0 && ftruncate(descriptor, sizeof(Counts)) == 0);
    void* mapped = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    require(mapped != MAP_FAILED);
    counts = static_cast<Counts*>(mapped);
  });
}
EXPORT int cuDriverGetVersion(int* version) {
  const char* asked = std::getenv("LOPHI_FAKE_CUDA_VERSION");
  *version = asked ? std::atoi(asked) : 12080;
  return kSuccess;
}
EXPORT int cuGetErrorName(int result, const char** text) {
  static const std::map<int, const char*> names = {
      {1, "CUDA_ERROR_INVALID_VALUE"},    {2, "CUDA_ERROR_OUT_OF_MEMORY"},
      {100, "CUDA_ERROR_NO_DEVICE"},      {201, "CUDA_ERROR_INVALID_CONTEXT"},
      {400, "CUDA_ERROR_INVALID_HANDLE"}, {500, "CUDA_ERROR_NOT_FOUND"},
      {600, "CUDA_ERROR_NOT_READY"},      {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {719, "CUDA_ERROR_LAUNCH_FAILED"},  {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"}};
  const auto found = names.find(result);
  *text = found == names.end() ? nullptr : found->second;
  return *text ? kSuccess : kInvalidValue;
}
EXPORT int cuGetErrorString(int, const char** text) {
  static thread_local std::string kept;
  const std::lock_guard lock(mutex);
  kept = detail;
  *text = kept.c_str();
  return kSuccess;
}
EXPORT int cuDeviceGetCount(int* count) {
  return entry("cuDeviceGetCount", false, [&] { *count = static_cast<int>(capabilities().size()); });
}
EXPORT int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal >= 0 && ordinal < static_cast<int>(capabilities().size()) ? kSuccess : 101;
}
EXPORT int cuDeviceGetName(char* name, int size, int) {
  std::strncpy(name, "SIMT emulator", static_cast<size_t>(size));
  return kSuccess;
}
EXPORT int cuDeviceTotalMem_v2(size_t* bytes, int) {
  const char* asked = std::getenv("LOPHI_FAKE_CUDA_MEMORY");
  *bytes = asked ? std::strtoull(asked, nullptr, 10) : size_t{1} << 30;
  return kSuccess;
}
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int device) {
  const int capability = capabilities()[static_cast<size_t>(device)];
  const auto given = [](const char* name, int usual) {
    const char* value = std::getenv(name);
    return value ? std::atoi(value) : usual;
  };
  // clock in kHz, multiprocessors, bytes of the L2 cache, compute capability
  const std::map<int, int> values = {{13, given("LOPHI_FAKE_CUDA_CLOCK", 1'000'000)},
                                     {16, given("LOPHI_FAKE_CUDA_MULTIPROCESSORS", 2)},
                                     {38, 1 << 16},
                                     {75, capability / 10},
                                     {76, capability % 10}};
  const auto found = values.find(attribute);
  if (found == values.end()) return kInvalidValue;
  *value = found->second;
  return kSuccess;
}

EXPORT int cuDevicePrimaryCtxRetain(Gpu** context, int device) {
  return entry("cuDevicePrimaryCtxRetain", false, [&] {
    *context = &gpus[device];
    ++gpus[device].context_users;
  });
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int device) {
  return entry("cuDevicePrimaryCtxRelease", false, [&] {
    require(gpus[device].context_users > 0);
    if (--gpus[device].context_users == 0) gpus[device].lost = 0;
  });
}
EXPORT int cuCtxPushCurrent_v2(Gpu* context) {
  if (context < gpus || context >= gpus + kMaxGpus) return kInvalidContext;
  contexts.push_back(context);
  return kSuccess;
}
EXPORT int cuCtxPopCurrent_v2(Gpu** context) {
  if (contexts.empty()) return kInvalidContext;
  *context = contexts.back();
  contexts.pop_back();
  return kSuccess;
}

EXPORT int cuMemAlloc_v2(uintptr_t* pointer, size_t bytes) {
  return entry("cuMemAlloc", true, [&] {
    size_t total = 0;
    cuDeviceTotalMem_v2(&total, 0);
    require(bytes > 0);
    Gpu& gpu = current();
    require(bytes <= total && gpu.bytes + bytes <= total, kOutOfMemory);
    void* block = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    require(block, kOutOfMemory);
    std::memset(block, 0xcd, bytes);
    *pointer = reinterpret_cast<uintptr_t>(block);
    gpu.memory[*pointer] = bytes;
    gpu.bytes += bytes;
    counts->device_bytes += bytes;
  });
}
EXPORT int cuMemFree_v2(uintptr_t pointer) {
  return entry("cuMemFree", true, [&] {
    Gpu& gpu = current();
    run_everything(gpu);
    const auto block = gpu.memory.find(pointer);
    require(block != gpu.memory.end());
    gpu.bytes -= block->second;
    counts->device_bytes -= block->second;
    std::free(reinterpret_cast<void*>(pointer));
    gpu.memory.erase(block);
  });
}
EXPORT int cuMemAllocHost_v2(void** pointer, size_t bytes) {
  return entry("cuMemAllocHost", true, [&] {
    *pointer = std::malloc(bytes);
    require(*pointer, kOutOfMemory);
    pinned[reinterpret_cast<uintptr_t>(*pointer)] = bytes;
  });
}
EXPORT int cuMemFreeHost(void* pointer) {
  return entry("cuMemFreeHost", true, [&] {
    require(pinned.erase(reinterpret_cast<uintptr_t>(pointer)) == 1);
    std::free(pointer);
  });
}
EXPORT int cuMemcpyHtoD_v2(uintptr_t to, const void* from, size_t bytes) {
  return entry("cuMemcpyHtoD", true, [&] {
    Stream& null_stream = current().null_stream;
    check_range(current(), to, bytes);
    run_all(null_stream);
    counts->bytes_up += bytes;
    if (pinned_at(from)) return copy(reinterpret_cast<void*>(to), from, bytes);
    // As a real driver's may, the call returns once the bytes are staged: they arrive when the NULL stream is synchronised.
    enqueue_upload(null_stream, to, from, bytes);
  });
}
EXPORT int cuMemcpyHtoDAsync_v2(uintptr_t to, const void* from, size_t bytes, Stream* stream) {
  return entry("cuMemcpyHtoDAsync", true, [&] {
    Stream& on = stream_of(stream);
    check_range(on.gpu, to, bytes);
    counts->bytes_up += bytes;
    if (!pinned_at(from)) return enqueue_upload(on, to, from, bytes);
    enqueue(on, [=, gpu = &on.gpu] {
      check_range(*gpu, to, bytes);
      copy(reinterpret_cast<void*>(to), from, bytes);
    });
  });
}
EXPORT int cuMemcpyDtoHAsync_v2(void* to, uintptr_t from, size_t bytes, Stream* stream) {
  return entry("cuMemcpyDtoHAsync", true, [&] {
    Stream& on = stream_of(stream);
    check_range(on.gpu, from, bytes);
    require(pinned_at(to));  // the driver takes others too, but waits for the device then
    enqueue(on, [=, gpu = &on.gpu] {
      check_range(*gpu, from, bytes);
      copy(to, reinterpret_cast<const void*>(from), bytes);
      counts->bytes_down += bytes;
    });
  });
}
EXPORT int cuMemcpyDtoDAsync_v2(uintptr_t to, uintptr_t from, size_t bytes, Stream* stream) {
  return entry("cuMemcpyDtoDAsync", true, [&] {
    Stream& on = stream_of(stream);
    enqueue(on, [=, gpu = &on.gpu] {
      check_range(*gpu, from, bytes);
      check_range(*gpu, to, bytes);
      copy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
    });
  });
}
EXPORT int cuMemsetD32Async(uintptr_t to, unsigned value, size_t count, Stream* stream) {
  return entry("cuMemsetD32Async", true, [&] {
    Stream& on = stream_of(stream);
    enqueue(on, [=, gpu = &on.gpu] {
      check_range(*gpu, to, count * 4);
      std::fill_n(reinterpret_cast<unsigned*>(to), count, value);
    });
  });
}

EXPORT int cuStreamCreate(Stream** stream, unsigned) {
  return entry("cuStreamCreate", true, [&] { current().streams.insert(*stream = new Stream(current())); });
}
EXPORT int cuStreamDestroy_v2(Stream* stream) {
  return entry("cuStreamDestroy", true, [&] {
    run_all(stream_of(stream));
    stream->gpu.streams.erase(stream);
    delete stream;
  });
}
EXPORT int cuStreamSynchronize(Stream* stream) {
  return entry("cuStreamSynchronize", true, [&] { run_all(stream_of(stream)); });
}
EXPORT int cuStreamWaitEvent(Stream* stream, Event* event, unsigned) {
  return entry("cuStreamWaitEvent", true,
               [&] { enqueue(stream_of(stream), [event, time = event->recorded] { run_until(*event, time); }); });
}
EXPORT int cuCtxSynchronize() {
  return entry("cuCtxSynchronize", true, [] { run_everything(current()); });
}
EXPORT int cuEventCreate(Event** event, unsigned flags) {
  return entry("cuEventCreate", true, [&] {
    *event = new Event;
    (*event)->timed = (flags & 2) == 0;
  });
}
EXPORT int cuEventDestroy_v2(Event* event) {
  return entry("cuEventDestroy", true, [&] { delete event; });
}
EXPORT int cuEventRecord(Event* event, Stream* stream) {
  return entry("cuEventRecord", true, [&] {
    Stream& on = stream_of(stream);
    require(!on.capture, kCaptureInvalid);
    event->stream = &on;
    ++event->recorded;
    on.queue.push_back([event] {
      ++event->reached;
      event->at = now;
    });
  });
}
EXPORT int cuEventQuery(Event* event) {
  return entry("cuEventQuery", true, [&] { require(event->reached == event->recorded, kNotReady); });
}
EXPORT int cuEventSynchronize(Event* event) {
  return entry("cuEventSynchronize", true, [&] {
    if (event->stream) run_until(*event, event->recorded);
  });
}

EXPORT int cuEventElapsedTime(float* milliseconds, Event* begin, Event* end) {
  return entry("cuEventElapsedTime", true, [&] {
    for (const Event* event : {begin, end}) {
      require(event->timed && event->recorded, kInvalidHandle);
      require(event->reached == event->recorded, kNotReady);
    }
    *milliseconds = static_cast<float>((end->at - begin->at) / 1000);
  });
}

EXPORT int cuModuleLoadData(void** module, const void* image) {
  return entry("cuModuleLoadData", true, [&] {
    constexpr int kNoBinaryForGpu = 209;
    const auto* text = static_cast<const char*>(image);
    if (!lophi_simt_driver)
      require(std::memcmp(text, "\177ELF", 4) == 0 || std::strstr(text, ".version"), kNoBinaryForGpu);
    for (Stream* stream : current().streams) require(!stream->capture, kCaptureInvalid);
    *module = const_cast<void**>(module);
  });
}
EXPORT int cuModuleUnload(void*) {
  return entry("cuModuleUnload", true, [] {});
}
EXPORT int cuModuleGetFunction(const simt::Kernel** function, void*, const char* name) {
  return entry("cuModuleGetFunction", true, [&] {
    *function = kernel_named(name);
    require(*function, kNotFound);
  });
}
EXPORT int cuLaunchKernelEx(const LaunchConfig* config, const simt::Kernel* function, void** params, void**) {
  return entry("cuLaunchKernelEx", true, [&] {
    const auto [grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream, attribute, attributes] = *config;
    for (unsigned i = 0; i < attributes; ++i) {
      require(attribute[18 * i] == 6 && attribute[18 * i + 2] == 1);
      ++counts->early_launches;
    }
    require(grid_x && grid_y && grid_z && block_x && block_y && block_z && grid_y <= 65535);
    std::vector<std::vector<char>> arguments;
    for (size_t i = 0; i < function->sizes.size(); ++i) {
      const char* from = static_cast<const char*>(params[i]);
      arguments.emplace_back(from, from + function->sizes[i]);
    }
    Stream& on = stream_of(stream);
    if (!on.capture) ++counts->launches;
    enqueue(on,
            [=] { run_kernel(*function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, arguments); });
  });
}

EXPORT int cuStreamBeginCapture_v2(Stream* stream, int) {
  return entry("cuStreamBeginCapture", true, [&] {
    require(!stream_of(stream).capture);
    stream->capture = std::make_unique<Graph>();
  });
}
EXPORT int cuStreamEndCapture(Stream* stream, Graph** graph) {
  return entry("cuStreamEndCapture", true, [&] {
    require(stream_of(stream).capture != nullptr);
    *graph = stream->capture.release();
  });
}
EXPORT int cuGraphInstantiateWithFlags(Graph** exec, const Graph* graph, unsigned long long) {
  return entry("cuGraphInstantiate", true, [&] { *exec = new Graph(*graph); });
}
EXPORT int cuGraphLaunch(Graph* exec, Stream* stream) {
  return entry("cuGraphLaunch", true, [&] {
    ++counts->graph_launches;
    enqueue(stream_of(stream), [exec] {
      for (const Work& node : exec->nodes) node();
    });
  });
}
EXPORT int cuGraphDestroy(Graph* graph) {
  return entry("cuGraphDestroy", true, [&] { delete graph; });
}
EXPORT int cuGraphExecDestroy(Graph* exec) {
  return entry("cuGraphExecDestroy", true, [&] { delete exec; });
}
