#include "napi/promise.h"

#include "core/error.h"
#include "core/thread.h"
#include "napi/error.h"

namespace lophi::js {

Waiter::Waiter(Napi::Env env, const char* name) : env_(env) {
  const auto label = Napi::String::New(env, name);
  // First what may fail: nothing else has to be undone then.
  try {
    thread_ = start_thread([this] { loop(); });
  } catch (const std::system_error& error) {
    throw Error("ERR_OUT_OF_MEMORY",
                std::string(name) + ": a thread must start, but the system gives none: " + error.what());
  }
  napi_create_threadsafe_function(env, nullptr, nullptr, label, 0, 1, nullptr, nullptr, this, settle, &notify_);
  napi_unref_threadsafe_function(env, notify_);
  // Hooks run last in, first out: this one closes the thread before Node takes the threadsafe function away.
  napi_add_env_cleanup_hook(env, clean_up, this);
}

Waiter::~Waiter() {
  if (!notify_) return;
  napi_remove_env_cleanup_hook(env_, clean_up, this);
  close();
}

void Waiter::clean_up(void* waiter) { static_cast<Waiter*>(waiter)->close(); }

void Waiter::close() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  napi_release_threadsafe_function(notify_, napi_tsfn_abort);
  notify_ = nullptr;
  // The last thing: a dropped job may hold the last reference to whoever owns this waiter.
  const auto dropped = std::move(queue_), untold = std::move(untold_);
}

Napi::Promise Waiter::promise(Napi::Env env, Work work, Result result, Failed failed) {
  auto job = std::make_unique<Job>(
      Job{Napi::Promise::Deferred::New(env), std::move(work), std::move(result), std::move(failed), {}});
  const Napi::Promise promise = job->deferred->Promise();
  if (pending_++ == 0) napi_ref_threadsafe_function(env, notify_);
  add(std::move(job));
  return promise;
}

void Waiter::post(Work work) { add(std::make_unique<Job>(Job{{}, std::move(work), {}, {}, {}})); }

void Waiter::add(std::unique_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void Waiter::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    if (stop_) return;
    auto job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    try {
      job->work();
    } catch (...) {
      job->error = std::current_exception();
    }
    if (!job->deferred) {
      job = nullptr;
      lock.lock();
      continue;
    }
    const bool told = napi_call_threadsafe_function(notify_, job.get(), napi_tsfn_nonblocking) == napi_ok;
    lock.lock();
    if (told)
      job.release();
    else
      untold_.push_back(std::move(job));  // what it holds belongs to the JS thread
  }
}

void Waiter::settle(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (!env) return;  // the environment is going away
  auto& waiter = *static_cast<Waiter*>(context);
  if (--waiter.pending_ == 0) napi_unref_threadsafe_function(env, waiter.notify_);
  const Napi::Env js(env);
  const Napi::HandleScope scope(js);
  try {
    deliver(js, *job);
  } catch (const Napi::Error&) {
    // A worker that is being terminated takes no more values: nobody is left to tell.
  }
}

void Waiter::deliver(Napi::Env env, Job& job) {
  try {
    if (!job.error) return job.deferred->Resolve(job.result(env));
  } catch (const Napi::Error& error) {
    return job.deferred->Reject(error.Value());
  } catch (...) {
    job.error = std::current_exception();
  }
  if (job.failed) job.failed();
  job.deferred->Reject(error_value(env, job.error));
}

}  // namespace lophi::js
