#include "cpu/stream.h"

#include <cstring>

#include "core/error.h"
#include "core/fail.h"
#include "core/path.h"
#include "cpu/ops/table.h"
#include "cpu/thread_scratch.h"

namespace lophi::cpu {
namespace {

// Runs one checked call; errors that only the data can show name the op, the path and the device.
void run_call(Context& cpu, const Call& call) {
  try {
    if (should_fail(lophi::Failure::kLost)) throw Error("ERR_DEVICE_LOST", call.op->name + ": the device was lost");
    function_of(call.op->kind())(cpu, call);
  } catch (const Error& error) {
    throw Error(error.code(), error.what() + located(call.path, "cpu"));
  } catch (const std::bad_alloc&) {
    throw Error("ERR_OUT_OF_MEMORY", call.op->name + ": no memory for intermediates" + located(call.path, "cpu"));
  }
}

}  // namespace

Executor::Executor(int threads, const Isa& isa) : pool_(threads), isa_(isa), thread_([this] { work(); }) {}

Executor::~Executor() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Executor::push(std::function<void(Context&)> work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void Executor::work() {
  Scratch scratch;
  Context context{pool_, isa_, scratch};
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return drop_thread_scratch();
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work(context);
    work = nullptr;  // frees what the work kept alive before the lock is held
    lock.lock();
  }
}

CpuStream::~CpuStream() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return completed_ == enqueued_; });
}

void CpuStream::enqueue(std::function<void(Context&)> work) {
  Ticket ticket;
  {
    const std::lock_guard lock(mutex_);
    ticket = ++enqueued_;
  }
  executor_->push([this, ticket, work = std::move(work)](Context& context) mutable {
    bool skip;
    {
      const std::lock_guard lock(mutex_);
      skip = failures_.at(ticket) != nullptr;
    }
    std::exception_ptr error;
    if (!skip) try {
        work(context);
      } catch (...) {
        error = std::current_exception();
      }
    work = nullptr;  // drops operands before anybody is told that the work is done
    const std::lock_guard lock(mutex_);
    if (error) failures_.add(ticket, error);
    completed_ = ticket;
    done_.notify_all();
  });
}

void CpuStream::run(Call call) {
  enqueue([call = std::make_shared<Call>(std::move(call))](Context& cpu) { run_call(cpu, *call); });
}

void CpuStream::replay(std::shared_ptr<Executable> executable) {
  enqueue([executable = std::move(executable)](Context& cpu) {
    const Plan& plan = static_cast<CpuExecutable&>(*executable).plan;
    for (const Call& call : plan.calls) run_call(cpu, call);
  });
}

void CpuStream::upload(const View& to, std::span<const std::byte> from) {
  enqueue([to, copy = std::make_shared<std::vector<std::byte>>(from.begin(), from.end())](Context&) {
    if (!copy->empty()) std::memcpy(data_of(to), copy->data(), copy->size());
  });
}

void CpuStream::download(std::shared_ptr<std::byte> to, const View& from) {
  enqueue([to = std::move(to), from](Context&) {
    if (const size_t bytes = from.bytes()) std::memcpy(to.get(), data_of(from), bytes);
  });
}

Ticket CpuStream::submit() {
  const std::lock_guard lock(mutex_);
  return enqueued_;
}

void CpuStream::wait(Ticket ticket) {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return completed_ >= ticket; });
  if (const auto error = failures_.at(ticket)) std::rethrow_exception(error);
}

void CpuStream::recover() {
  bool failed = false;
  {
    const std::lock_guard lock(mutex_);
    failed = failures_.recover(enqueued_);
  }
  if (failed) enqueue([](Context&) {});
}

}  // namespace lophi::cpu
