#include "dml/stream.h"

#include <cstring>

#include "core/error.h"
#include "core/fail.h"
#include "core/path.h"
#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

constexpr size_t kOpsPerSubmission = 64;  // of eager ops: the GPU starts, and memory comes back

void lose_if_asked(const Gpu& gpu, const Call& call) {
  if (should_fail(lophi::Failure::kLost))
    throw Error("ERR_DEVICE_LOST", call.op->name + ": the device was lost" + located(call.path, gpu.info.id));
}

void record(Commands& commands, const Call& call) {
  try {
    function_of(call.op->kind())(commands, call);
  } catch (const Error& error) {
    throw Error(error.code(), error.what() + located(call.path, commands.gpu().info.id));
  }
}

}  // namespace

DmlExecutable::DmlExecutable(std::shared_ptr<Gpu> on, Plan recorded) : plan(std::move(recorded)), gpu(std::move(on)) {
  parts.push_back(std::make_unique<Commands>(*gpu));
  for (const Call& call : plan.calls) record(*parts.back(), call);
  for (const auto& part : parts) lists.push_back(part->close());
  gpu->check_alive();
}

DmlStream::DmlStream(std::shared_ptr<Gpu> gpu)
    : gpu_(std::move(gpu)),
      fence_(gpu_->device.Get()),
      uploads_(gpu_->device, D3D12_HEAP_TYPE_UPLOAD),
      downloads_(gpu_->device, D3D12_HEAP_TYPE_READBACK) {}

DmlStream::~DmlStream() {
  try {
    const std::lock_guard lock(mutex_);
    landings_.clear();
    flush();
    if (!lost_) fence_.wait(submitted_);
  } catch (const Error&) {  // nobody is left to hear of a lost device
  }
}

void DmlStream::enqueue(const std::function<void()>& record) {
  const Ticket ticket = ++enqueued_;
  if (failures_.at(ticket)) return;
  try {
    record();
  } catch (...) {
    failures_.add(ticket, std::current_exception());
  }
}

Commands& DmlStream::open() {
  if (open_) return *open_;
  if (spare_.empty()) {
    open_ = std::make_unique<Commands>(*gpu_);
  } else {
    open_ = std::move(spare_.back());
    spare_.pop_back();
    open_->reopen();
  }
  return *open_;
}

void DmlStream::run(Call call) {
  const std::lock_guard lock(mutex_);
  enqueue([&] {
    lose_if_asked(*gpu_, call);
    record(open(), call);
    for (const auto& weight : call.weights) open().keep(weight);
  });
  if (++open_ops_ >= kOpsPerSubmission) flush();
}

void DmlStream::replay(std::shared_ptr<Executable> executable) {
  const std::lock_guard lock(mutex_);
  enqueue([&] {
    auto& plan = static_cast<DmlExecutable&>(*executable);
    for (const Call& call : plan.plan.calls) lose_if_asked(*gpu_, call);
    close_open();
    lists_.insert(lists_.end(), plan.lists.begin(), plan.lists.end());
    for (const auto& part : plan.parts) open().precedes(*part);
    next_.kept.push_back(executable);
  });
}

void DmlStream::upload(const View& to, std::span<const std::byte> from) {
  const std::lock_guard lock(mutex_);
  enqueue([&] {
    if (from.empty()) return;
    const Staging::Place place = uploads_.take(from.size());
    std::memcpy(place.data(), from.data(), from.size());
    open().upload(to, place.chunk->resource.Get(), place.offset);
    open().keep(place.chunk);
  });
}

void DmlStream::download(std::shared_ptr<std::byte> to, const View& from) {
  const std::lock_guard lock(mutex_);
  enqueue([&] {
    const size_t bytes = from.bytes();
    if (!bytes) return;
    const Staging::Place place = downloads_.take(bytes);
    open().download(place.chunk->resource.Get(), place.offset, from);
    landings_.push_back({enqueued_, std::move(to), place, bytes});
  });
}

void DmlStream::close_open() {
  if (!open_) return;
  lists_.push_back(open_->close());
  next_.commands.push_back(std::move(open_));
}

void DmlStream::flush() {
  collect();
  open_ops_ = 0;
  if (submitted_ == enqueued_ || lost_) return;
  const Ticket first = submitted_ + 1;
  submitted_ = enqueued_;
  try {
    close_open();
    gpu_->check_alive();
    if (!lists_.empty()) gpu_->queue->ExecuteCommandLists(static_cast<UINT>(lists_.size()), lists_.data());
  } catch (...) {
    failures_.add(first, std::current_exception());
  }
  lists_.clear();
  next_.ticket = submitted_;
  running_.push_back(std::exchange(next_, {}));
  try {
    fence_.signal(gpu_->queue.Get(), submitted_);
  } catch (...) {
    lost_ = true;
    failures_.add(first, std::current_exception());
  }
}

void DmlStream::collect() {
  const Ticket completed = fence_.completed();
  while (!running_.empty() && running_.front().ticket <= completed) {
    for (auto& commands : running_.front().commands) {
      commands->release();
      spare_.push_back(std::move(commands));
    }
    running_.pop_front();
  }
}

Ticket DmlStream::submit() {
  const std::lock_guard lock(mutex_);
  flush();
  return enqueued_;
}

void DmlStream::wait(Ticket ticket) {
  std::exception_ptr lost;
  bool waits;
  {
    const std::lock_guard lock(mutex_);
    waits = !lost_;
  }
  if (waits) try {
      fence_.wait(ticket);
    } catch (...) {
      lost = std::current_exception();
    }
  const std::lock_guard lock(mutex_);
  if (lost) {
    lost_ = true;
    if (!failures_.at(ticket)) failures_.add(ticket, lost);
  }
  for (; !landings_.empty() && landings_.front().ticket <= ticket; landings_.pop_front()) {
    const Landing& landing = landings_.front();
    if (!failures_.at(landing.ticket)) std::memcpy(landing.to.get(), landing.from.data(), landing.bytes);
  }
  collect();
  if (const auto error = failures_.at(ticket)) std::rethrow_exception(error);
}

void DmlStream::recover() {
  const std::lock_guard lock(mutex_);
  if (!lost_ && failures_.recover(enqueued_)) ++enqueued_;
}

}  // namespace lophi::dml
