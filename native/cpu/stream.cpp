#include "cpu/stream.h"

#include <cstring>

#include "core/thread.h"
#include "cpu/ops/table.h"
#include "cpu/relax.h"
#include "cpu/thread_scratch.h"

namespace lophi::cpu {
namespace {

void run_call(Context& cpu, const Call& call) {
  with_place(call, "cpu", [&] { function_of(call.op->kind())(cpu, call); });
}

void perform(Context& cpu, const Work& work) {
  if (work.call) return run_call(cpu, *work.call);
  if (!work.plan) {
    std::memcpy(work.to, work.from, work.bytes);
    return;
  }
  for (const Call& call : work.plan->calls) run_call(cpu, call);
}

struct Copied : Staging {
  explicit Copied(std::span<const std::byte> from) : own(new std::byte[from.size()]) {
    std::memcpy(own.get(), from.data(), from.size());
    data = own.get();
    bytes = from.size();
  }
  const std::unique_ptr<std::byte[]> own;
};

}  // namespace

Executor::Executor(int threads, const Isa& isa) : pool_(threads), isa_(isa) {
  try {
    thread_ = start_thread([this] { loop(); });
  } catch (const std::system_error& error) {
    throw Error("ERR_OUT_OF_MEMORY",
                std::string("cpu: a thread must start, but the system gives none: ") + error.what());
  }
}

Executor::~Executor() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Executor::push(const Work& work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(work);
    waiting_.store(queue_.size(), std::memory_order_release);
  }
  wake_.notify_one();
}

void Executor::loop() {
  Context context{pool_, isa_};
  std::unique_lock lock(mutex_);
  for (;;) {
    if (queue_.empty()) settle_thread_scratch();
    wake_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return drop_thread_scratch();
    const Work work = queue_.front();
    queue_.pop_front();
    waiting_.store(queue_.size(), std::memory_order_relaxed);
    lock.unlock();
    work.lane->run(context, work);
    // Calls of a script follow each other within microseconds, and a plan follows its inputs; waking a thread costs the JS thread
    // more than either. Behind a plan or a download others are to wake first: who waits for it.
    if ((work.call || work.upload) && pool_.spins())
      spin_until([&] { return waiting_.load(std::memory_order_acquire) != 0; });
    lock.lock();
  }
}

bool CpuLane::start(Progress& progress) {
  progress_ = &progress;
  return true;
}

void CpuLane::launch(Ticket ticket, const Call& call) { executor_->push({this, ticket, &call}); }

void CpuLane::replay(Ticket ticket, Executable& plan) { executor_->push({this, ticket, nullptr, &plan.plan}); }

std::shared_ptr<Staging> CpuLane::stage(std::span<const std::byte> from, bool) {
  return std::make_shared<Copied>(from);
}

void CpuLane::upload(Ticket ticket, const View& to, const Staging& from) {
  executor_->push({this, ticket, nullptr, nullptr, data_of(to), from.data, from.bytes, true});
}

std::shared_ptr<Staging> CpuLane::landing(std::span<std::byte> to) {
  auto staging = std::make_shared<Staging>();
  staging->data = to.data();
  staging->bytes = to.size();
  return staging;
}

void CpuLane::download(Ticket ticket, const Staging& to, const View& from) {
  executor_->push({this, ticket, nullptr, nullptr, to.data, data_of(from), to.bytes});
}

void CpuLane::run(Context& context, const Work& work) {
  std::exception_ptr error;
  if (progress_->runs(work.ticket)) try {
      perform(context, work);
    } catch (...) {
      error = std::current_exception();
    }
  progress_->done(work.ticket, std::move(error));
}

}  // namespace lophi::cpu
