// Promises whose waiting happens on a thread of their own, never on the JS thread and never in libuv's pool.
#pragma once
#include <napi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace lophi::js {

class Waiter {
 public:
  using Work = std::function<void()>;                    // blocks, off the JS thread; may throw
  using Result = std::function<Napi::Value(Napi::Env)>;  // makes the value, on the JS thread
  using Failed = std::function<void()>;                  // told, on the JS thread, before the rejection

  Waiter(Napi::Env env, const char* name);
  ~Waiter();  // JS thread; finishes the work under way, drops what nobody can be told any more

  // Settles after `work`, in the order of the calls. A pending promise keeps the process alive; the waiter alone does not.
  Napi::Promise promise(Napi::Env env, Work work, Result result, Failed failed = {});
  // `work`, which must not throw, in its turn. Nobody is told, and the process does not live for it.
  void post(Work work);

 private:
  struct Job {
    std::optional<Napi::Promise::Deferred> deferred;  // none: nobody is told
    Work work;
    Result result;
    Failed failed;
    std::exception_ptr error;
  };
  void add(std::unique_ptr<Job> job);
  void loop();
  static void deliver(Napi::Env env, Job& job);
  static void settle(napi_env env, napi_value, void* waiter, void* job);
  static void clean_up(void* waiter);
  void close();

  napi_env env_;
  napi_threadsafe_function notify_ = nullptr;
  int pending_ = 0;  // JS thread only
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_, untold_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace lophi::js
