// The lane of a CPU stream: one executor thread of the device runs what all of its streams enqueue.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/queue.h"
#include "cpu/context.h"

namespace lophi::cpu {

class CpuLane;

// What a lane wants done: a call, a plan's calls, or a copy. What it points to lives until it is told as done.
struct Work {
  CpuLane* lane;
  Ticket ticket;
  const Call* call = nullptr;
  const Plan* plan = nullptr;
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  size_t bytes = 0;
  bool upload = false;
};

class Executor {
 public:
  Executor(int threads, const Isa& isa);
  ~Executor();  // runs what is queued, then ends
  void push(const Work& work);
  int threads() const { return pool_.threads(); }

 private:
  void loop();
  Pool pool_;
  const Isa& isa_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;
  std::atomic<size_t> waiting_{0};  // queue_.size(), for whoever looks without the lock
  bool stop_ = false;
  std::thread thread_;
};

class CpuLane : public Lane {
 public:
  explicit CpuLane(std::shared_ptr<Executor> executor) : executor_(std::move(executor)) {}
  bool start(Progress& progress) override;
  void launch(Ticket ticket, const Call& call) override;
  void replay(Ticket ticket, Executable& plan) override;
  std::shared_ptr<Staging> stage(std::span<const std::byte> from, bool later) override;
  void upload(Ticket ticket, const View& to, const Staging& from) override;
  std::shared_ptr<Staging> landing(std::span<std::byte> to) override;
  void download(Ticket ticket, const Staging& to, const View& from) override;

  void run(Context& context, const Work& work);  // on the executor's thread

 private:
  std::shared_ptr<Executor> executor_;
  Progress* progress_ = nullptr;
};

}  // namespace lophi::cpu
