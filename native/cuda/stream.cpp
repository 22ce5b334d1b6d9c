#include "cuda/stream.h"

#include <algorithm>
#include <cstring>

#include "cuda/ops/table.h"

namespace lophi::cuda {
namespace {

// Larger uploads are taken straight from the caller: from pageable memory the driver returns once it has read it.
constexpr size_t kMaxStaged = size_t{16} << 20;

void run_plan(Context& context, const Plan& plan, const std::string& id) {
  for (const Call& call : plan.calls) with_place(call, id, [&] { function_of(call)(context, call); });
}

// Ends a capture that a throw left open; the driver refuses all else until then.
class Capture {
 public:
  explicit Capture(const Driver& driver) : driver_(driver) {
    driver.check(driver.stream_create(&stream_, kStreamNonBlocking), "cuStreamCreate");
  }
  ~Capture() {
    if (open_) driver_.end_capture(stream_, &graph_);
    if (graph_) driver_.graph_destroy(graph_);
    driver_.stream_destroy(stream_);
  }
  CUstream begin() {
    driver_.check(driver_.begin_capture(stream_, kCaptureThreadLocal), "cuStreamBeginCapture");
    open_ = true;
    return stream_;
  }
  CUgraph end() {
    open_ = false;
    driver_.check(driver_.end_capture(stream_, &graph_), "cuStreamEndCapture");
    return graph_;
  }

 private:
  const Driver& driver_;
  CUstream stream_ = nullptr;
  CUgraph graph_ = nullptr;
  bool open_ = false;
};

// Pinned memory, or the caller's own.
struct CudaStaging : Staging {
  CudaStaging(std::byte* at, size_t size, std::shared_ptr<Block> owner) : block(std::move(owner)) {
    data = at;
    bytes = size;
  }
  const std::shared_ptr<Block> block;
};

std::shared_ptr<Staging> pinned_staging(BlockPool& pool, size_t bytes) {
  auto block = pool.alloc(bytes);
  auto* data = static_cast<std::byte*>(block->data);
  return std::make_shared<CudaStaging>(data, bytes, std::move(block));
}

// An event, and the fault words as they were there.
class CudaMark : public Mark {
 public:
  CudaMark(std::shared_ptr<const Gpu> gpu, std::shared_ptr<Events> events)
      : event(events->take()), gpu_(std::move(gpu)), events_(std::move(events)) {}
  ~CudaMark() override { events_->give(event); }
  bool reached() override {
    const Current current(*gpu_);
    return gpu_->driver.event_query(event) == kSuccess;
  }
  void wait() override {
    const Current current(*gpu_);
    gpu_->driver.check(gpu_->driver.event_synchronize(event), "cuEventSynchronize");
  }
  Fault fault() override {
    if (!words) return {};
    const auto* first = static_cast<const Fault*>(words->data);
    const auto* end = first + words->bytes / sizeof(Fault);
    const auto* found = std::find_if(first, end, [](const Fault& fault) { return fault.code != 0; });
    return found == end ? Fault{} : *found;
  }

  const CUevent event;
  std::shared_ptr<Block> words;

 private:
  std::shared_ptr<const Gpu> gpu_;
  std::shared_ptr<Events> events_;
};

}  // namespace

CudaExecutable::CudaExecutable(std::shared_ptr<const Gpu> gpu, Modules& modules, Plan recorded)
    : Executable(std::move(recorded)), gpu_(std::move(gpu)) {
  const Current current(*gpu_);
  Context finder(gpu_, modules, nullptr, reports_);
  run_plan(finder, plan, gpu_->id);
  Capture capture(gpu_->driver);
  Context context(gpu_, modules, capture.begin(), reports_);
  run_plan(context, plan, gpu_->id);
  gpu_->driver.check(gpu_->driver.graph_instantiate(&graph_, capture.end(), 0), "cuGraphInstantiate");
}

CudaExecutable::~CudaExecutable() {
  try {
    const Current current(*gpu_);
    if (graph_) gpu_->driver.graph_exec_destroy(graph_);
  } catch (const Error&) {
    // The context is lost, and its graphs with it.
  }
}

Events::~Events() {
  try {
    const Current current(*gpu_);
    for (CUevent event : free_) gpu_->driver.event_destroy(event);
  } catch (const Error&) {
    // The context is lost, and its events with it.
  }
}

CUevent Events::take() {
  CUevent event = nullptr;
  if (free_.empty()) {
    free_.reserve(free_.capacity() + 1);  // give() finds room
    gpu_->driver.check(gpu_->driver.event_create(&event, kEventNoTiming), "cuEventCreate");
  } else {
    event = free_.back();
    free_.pop_back();
  }
  return event;
}

void Events::give(CUevent event) { free_.push_back(event); }

CudaLane::CudaLane(std::shared_ptr<const Gpu> gpu, std::shared_ptr<Modules> modules, std::shared_ptr<BlockPool> pinned)
    : gpu_(std::move(gpu)),
      modules_(std::move(modules)),
      pinned_(std::move(pinned)),
      events_(std::make_shared<Events>(gpu_)) {
  const Current current(*gpu_);
  gpu_->driver.check(gpu_->driver.stream_create(&stream_, kStreamNonBlocking), "cuStreamCreate");
}

CudaLane::~CudaLane() {
  try {
    const Current current(*gpu_);
    gpu_->driver.stream_destroy(stream_);
  } catch (const Error&) {
    // The context is lost, and its streams with it.
  }
}

void CudaLane::launch(Ticket, const Call& call) {
  const Current current(*gpu_);
  Context context(gpu_, *modules_, stream_, reports_);
  function_of(call)(context, call);
  if (context.may_report()) watch(reports_);
}

void CudaLane::replay(Ticket, Executable& plan) {
  const Current current(*gpu_);
  const auto& recorded = static_cast<const CudaExecutable&>(plan);
  gpu_->driver.check(gpu_->driver.graph_launch(recorded.graph(), stream_), "cuGraphLaunch");
  watch(recorded.reports());
}

std::shared_ptr<Staging> CudaLane::stage(std::span<const std::byte> from, bool later) {
  if (!later && from.size() > kMaxStaged)
    return std::make_shared<CudaStaging>(const_cast<std::byte*>(from.data()), from.size(), nullptr);
  auto staged = pinned_staging(*pinned_, from.size());
  std::memcpy(staged->data, from.data(), from.size());
  return staged;
}

void CudaLane::upload(Ticket, const View& to, const Staging& from) {
  const Current current(*gpu_);
  gpu_->driver.check(gpu_->driver.upload_async(address_of(to), from.data, from.bytes, stream_), "cuMemcpyHtoDAsync");
}

std::shared_ptr<Staging> CudaLane::landing(std::span<std::byte> to) { return pinned_staging(*pinned_, to.size()); }

void CudaLane::download(Ticket, const Staging& to, const View& from) {
  const Current current(*gpu_);
  gpu_->driver.check(gpu_->driver.download_async(to.data, address_of(from), to.bytes, stream_), "cuMemcpyDtoHAsync");
}

void CudaLane::watch(const Reports& reports) {
  if (!reports.word) return;
  const auto known = std::ranges::find(watched_, reports.word, &Watched::word);
  if (known != watched_.end())
    known->used = true;
  else
    watched_.push_back({reports.word, true});
}

std::shared_ptr<Mark> CudaLane::mark(Ticket) {
  const Driver& driver = gpu_->driver;
  const Current current(*gpu_);
  const auto mark = std::make_shared<CudaMark>(gpu_, events_);
  if (const auto used = std::ranges::count(watched_, true, &Watched::used)) {
    mark->words = pinned_->alloc(static_cast<size_t>(used) * sizeof(Fault));
    auto* to = static_cast<Fault*>(mark->words->data);
    for (const Watched& watched : watched_)
      if (watched.used)
        driver.check(driver.download_async(to++, watched.word->address(), sizeof(Fault), stream_), "cuMemcpyDtoHAsync");
  }
  driver.check(driver.event_record(mark->event, stream_), "cuEventRecord");
  for (Watched& watched : watched_) watched.used = false;
  return mark;
}

void CudaLane::drain() {
  const Current current(*gpu_);
  gpu_->driver.check(gpu_->driver.stream_synchronize(stream_), "cuStreamSynchronize");
}

void CudaLane::clear_fault() {
  const Current current(*gpu_);
  for (const Watched& watched : watched_) watched.word->clear(stream_);
  std::erase_if(watched_, [](const Watched& watched) { return !watched.used; });
}

}  // namespace lophi::cuda
