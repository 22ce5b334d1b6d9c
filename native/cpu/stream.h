// In-order queue of one CPU device: one executor thread runs what all of its streams enqueue.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "core/failures.h"
#include "cpu/context.h"

namespace lophi::cpu {

class Executor {
 public:
  Executor(int threads, const Isa& isa);
  ~Executor();  // runs what is queued, then ends
  void push(std::function<void(Context&)> work);
  int threads() const { return pool_.threads(); }

 private:
  void work();
  Pool pool_;
  const Isa& isa_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void(Context&)>> queue_;
  bool stop_ = false;
  std::thread thread_;
};

// A plan on the CPU is the list of its calls.
struct CpuExecutable : Executable {
  explicit CpuExecutable(Plan plan) : plan(std::move(plan)) {}
  Plan plan;
};

class CpuStream : public Stream {
 public:
  explicit CpuStream(std::shared_ptr<Executor> executor) : executor_(std::move(executor)) {}
  ~CpuStream() override;
  void run(Call call) override;
  void replay(std::shared_ptr<Executable> plan) override;
  void upload(const View& to, std::span<const std::byte> from) override;
  void download(std::shared_ptr<std::byte> to, const View& from) override;
  Ticket submit() override;
  void wait(Ticket ticket) override;
  void recover() override;

 private:
  void enqueue(std::function<void(Context&)> work);

  std::shared_ptr<Executor> executor_;
  std::mutex mutex_;
  std::condition_variable done_;
  Ticket enqueued_ = 0, completed_ = 0;
  Failures failures_;
};

}  // namespace lophi::cpu
