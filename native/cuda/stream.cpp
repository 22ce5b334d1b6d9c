#include "cuda/stream.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/fail.h"
#include "core/path.h"
#include "cuda/ops/table.h"

namespace lophi::cuda {
namespace {

constexpr size_t kMarkEvery = 64;  // work items whose operands stay alive for want of an event
// Larger uploads are taken straight from the caller: from pageable memory the driver returns once it has read it.
constexpr size_t kMaxStaged = size_t{16} << 20;

// Runs `work`; what it throws says `where` it stood.
template <class F>
void at(const std::string& where, F&& work) {
  try {
    work();
  } catch (const Error& error) {
    throw Error(error.code(), error.what() + where);
  }
}

void run_call(Context& context, const Call& call, const std::string& id) {
  try {
    if (should_fail(lophi::Failure::kLost)) throw Error("ERR_DEVICE_LOST", call.op->name + ": the device was lost");
    function_of(call.op->kind())(context, call);
  } catch (const Error& error) {
    throw Error(error.code(), error.what() + located(call.path, id));
  }
}

void run_plan(Context& context, const Plan& plan, const std::string& id) {
  for (const Call& call : plan.calls) run_call(context, call, id);
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

}  // namespace

CudaExecutable::CudaExecutable(std::shared_ptr<const Gpu> gpu, Modules& modules, Plan plan)
    : gpu_(std::move(gpu)), plan_(std::move(plan)) {
  const Current current(*gpu_);
  Context finder(*gpu_, modules, nullptr);
  run_plan(finder, plan_, gpu_->id);
  Capture capture(gpu_->driver);
  Context context(*gpu_, modules, capture.begin());
  run_plan(context, plan_, gpu_->id);
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

CudaStream::CudaStream(std::shared_ptr<const Gpu> gpu, std::shared_ptr<Modules> modules, std::shared_ptr<Memory> pinned)
    : gpu_(std::move(gpu)), modules_(std::move(modules)), pinned_(std::move(pinned)) {
  const Current current(*gpu_);
  gpu_->driver.check(gpu_->driver.stream_create(&stream_, kStreamNonBlocking), "cuStreamCreate");
}

CudaStream::~CudaStream() {
  try {
    const Current current(*gpu_);
    gpu_->driver.stream_synchronize(stream_);
    for (const auto& mark : marks_) gpu_->driver.event_destroy(mark->event);
    for (CUevent event : events_) gpu_->driver.event_destroy(event);
    gpu_->driver.stream_destroy(stream_);
  } catch (const Error&) {
    // The context is lost, and its streams with it.
  }
}

template <class F>
void CudaStream::enqueue(Kept keep, F&& work) {
  const std::lock_guard lock(mutex_);
  ++enqueued_;
  if (failures_.at(enqueued_)) return;
  try {
    const Current current(*gpu_);
    kept_.push_back(std::move(keep));
    work();
    if (kept_.size() >= kMarkEvery) mark();
  } catch (...) {
    failures_.add(enqueued_, std::current_exception());
  }
}

void CudaStream::mark() {
  const Driver& driver = gpu_->driver;
  while (!marks_.empty() && driver.event_query(marks_.front()->event) == kSuccess) retire(marks_.front()->ticket);
  auto next = std::make_shared<Mark>();
  next->ticket = enqueued_;
  if (events_.empty()) {
    driver.check(driver.event_create(&next->event, kEventNoTiming), "cuEventCreate");
  } else {
    next->event = events_.back();
    events_.pop_back();
  }
  next->kept = std::move(kept_);
  kept_.clear();
  marks_.push_back(next);
  driver.check(driver.event_record(next->event, stream_), "cuEventRecord");
}

void CudaStream::retire(Ticket done) {
  while (!marks_.empty() && marks_.front()->ticket <= done) {
    events_.push_back(marks_.front()->event);
    marks_.front()->kept.clear();
    marks_.pop_front();
  }
  completed_ = std::max(completed_, done);
}

void CudaStream::run(Call call) {
  const auto kept = std::make_shared<const Call>(std::move(call));
  enqueue(kept, [&] {
    Context context(*gpu_, *modules_, stream_);
    run_call(context, *kept, gpu_->id);
  });
}

void CudaStream::replay(std::shared_ptr<Executable> executable) {
  enqueue(executable, [&] {
    at(" (on " + gpu_->id + ")", [&] {
      if (should_fail(lophi::Failure::kLost)) throw Error("ERR_DEVICE_LOST", "plan: the device was lost");
      const CUgraphExec graph = static_cast<const CudaExecutable&>(*executable).graph();
      gpu_->driver.check(gpu_->driver.graph_launch(graph, stream_), "cuGraphLaunch");
    });
  });
}

void CudaStream::upload(const View& to, std::span<const std::byte> from) {
  if (from.empty()) return;
  enqueue(to.buffer, [&] {
    at(" (upload on " + gpu_->id + ")", [&] {
      const void* source = from.data();
      if (from.size() <= kMaxStaged) {
        const auto staged = pinned_->alloc(from.size());
        std::memcpy(staged->data, from.data(), from.size());
        source = staged->data;
        kept_.push_back(staged);
      }
      gpu_->driver.check(gpu_->driver.upload_async(address_of(to), source, from.size(), stream_), "cuMemcpyHtoDAsync");
    });
  });
}

void CudaStream::download(std::shared_ptr<std::byte> to, const View& from) {
  const size_t bytes = from.bytes();
  if (!bytes) return;
  enqueue(from.buffer, [&] {
    at(" (download on " + gpu_->id + ")", [&] {
      auto landing = pinned_->alloc(bytes);
      gpu_->driver.check(gpu_->driver.download_async(landing->data, address_of(from), bytes, stream_),
                         "cuMemcpyDtoHAsync");
      kept_.push_back(landing);
      landings_.push_back({enqueued_, std::move(landing), std::move(to), bytes});
    });
  });
}

Ticket CudaStream::submit() {
  const std::lock_guard lock(mutex_);
  const Ticket marked = marks_.empty() ? completed_ : marks_.back()->ticket;
  if (enqueued_ == marked || failures_.at(enqueued_)) return enqueued_;
  try {
    const Current current(*gpu_);
    mark();
  } catch (...) {
    failures_.add(enqueued_, std::current_exception());
  }
  return enqueued_;
}

void CudaStream::wait(Ticket ticket) {
  std::unique_lock lock(mutex_);
  const auto found = std::ranges::find_if(marks_, [&](const auto& mark) { return mark->ticket >= ticket; });
  if (found != marks_.end()) {
    const std::shared_ptr<Mark> mark = *found;
    lock.unlock();
    std::exception_ptr error;
    try {
      at(" (on " + gpu_->id + ")", [&] {
        const Current current(*gpu_);
        gpu_->driver.check(gpu_->driver.event_synchronize(mark->event), "cuEventSynchronize");
      });
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && !failures_.at(mark->ticket)) failures_.add(completed_ + 1, error);
    retire(mark->ticket);
  }
  for (; !landings_.empty() && landings_.front().ticket <= ticket; landings_.pop_front())
    if (const Landing& landing = landings_.front(); !failures_.at(landing.ticket))
      std::memcpy(landing.to.get(), landing.pinned->data, landing.bytes);
  if (const auto error = failures_.at(ticket)) std::rethrow_exception(error);
}

void CudaStream::recover() {
  const std::lock_guard lock(mutex_);
  if (failures_.recover(enqueued_)) ++enqueued_;
}

}  // namespace lophi::cuda
