// The in-order queue of one stream on any backend: tickets, operands that stay alive until the work that uses them is done, the
// first error, bytes on their way back. A backend gives a Lane: how work is launched, and how far it got.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <new>

#include "core/compilation.h"
#include "core/error.h"
#include "core/failures.h"
#include "core/fault.h"
#include "core/op.h"
#include "core/path.h"

namespace lophi {

// Host memory that the device copies from or to. Backends derive from it.
struct Staging {
  virtual ~Staging() = default;
  std::byte* data = nullptr;
  size_t bytes = 0;
};

// A point in a lane's work.
struct Mark {
  virtual ~Mark() = default;            // once reached
  virtual bool reached() = 0;           // never blocks
  virtual void wait() = 0;              // blocks, from any thread; throws where the device is lost
  virtual Fault fault() { return {}; }  // what kernels had reported there; once reached
};

// Told by lanes whose work runs on a thread of their own, from there, in order.
struct Progress {
  virtual ~Progress() = default;
  virtual bool runs(Ticket ticket) = 0;  // false: work before it has failed, so it is only told as done
  virtual void done(Ticket ticket, std::exception_ptr error) = 0;
};

// One in-order lane of a device. All but Mark::wait() is called under the queue's lock; what is launched with a ticket, and its
// staging, lives until the work is done.
struct Lane {
  virtual ~Lane() = default;                       // nothing is under way any more
  virtual bool start(Progress&) { return false; }  // true: tells by Progress, and has no marks
  virtual void launch(Ticket ticket, const Call& call) = 0;
  virtual void replay(Ticket ticket, Executable& plan) = 0;
  // A copy. Unless `later`, `from` itself will do, where upload() copies.
  virtual std::shared_ptr<Staging> stage(std::span<const std::byte> from, bool later) = 0;
  virtual void upload(Ticket ticket, const View& to, const Staging& from) = 0;
  virtual std::shared_ptr<Staging> landing(
      std::span<std::byte> to) = 0;  // `to` itself where the device can write there
  virtual void download(Ticket ticket, const Staging& to, const View& from) = 0;
  virtual std::shared_ptr<Mark> mark(Ticket) { return nullptr; }  // behind all that was launched, which is handed over
  virtual void drain() {}                                         // blocks until all that was launched is done
  virtual void clear_fault() {}
};

class Queue : public Stream, private Progress {
 public:
  Queue(std::string device, std::unique_ptr<Lane> lane);
  ~Queue() override;
  void run(Call call) override;
  void replay(std::shared_ptr<const Compilation> plan) override;
  void upload(const View& to, std::span<const std::byte> from) override;
  void download(std::byte* to, const View& from) override;
  Ticket submit() override;
  void wait(Ticket ticket) override;
  void recover() override;

 private:
  // What the work of a ticket uses. Tickets up to `until` have no work of their own.
  struct Kept {
    Ticket ticket, until;
    std::shared_ptr<const void> owner, staging;
  };
  // Work that waits, itself or for work before it, until a plan is compiled.
  struct Held {
    Ticket ticket;
    std::shared_ptr<const void> owner, staging;
    std::function<void(Ticket)> launch;        // none: no work
    std::shared_ptr<const Compilation> until;  // null: it waits for work before it alone
    bool submitted = false;                    // it, and what is before it
  };
  struct Marked {
    Ticket ticket;
    std::shared_ptr<Mark> mark;
  };
  struct Landing {
    Ticket ticket;
    std::shared_ptr<Staging> from;
    std::byte* to;
  };

  static constexpr Ticket kNobody = ~Ticket{0};

  bool runs(Ticket ticket) override;
  void done(Ticket ticket, std::exception_ptr error) override;
  void land(Ticket ticket);
  // All of these under the mutex:
  template <class F>
  void enqueue(std::shared_ptr<const void> owner, std::shared_ptr<const void> staging, F&& launch,
               const std::shared_ptr<const Compilation>& until = nullptr);
  template <class F>
  void start(Ticket ticket, std::shared_ptr<const void> owner, std::shared_ptr<const void> staging, F&& launch);
  void catch_up();           // starts what need not be held any more
  void pass(Ticket ticket);  // it has no work
  void mark();
  void reach(Ticket ticket, std::exception_ptr error, std::deque<Kept>& dropped);
  void fail(Ticket from, std::exception_ptr error);

  const std::string device_;
  const std::unique_ptr<Lane> lane_;
  bool tells_ = false;
  std::mutex mutex_, landing_;
  std::condition_variable done_;
  Ticket enqueued_ = 0, started_ = 0, marked_ = 0, completed_ = 0;
  Ticket awaited_ = kNobody;  // the first that somebody waits for
  size_t unmarked_ = 0;
  std::deque<Held> held_;
  std::deque<Kept> kept_;
  std::deque<Marked> marks_;
  std::deque<Landing> landings_;
  Failures failures_;
};

// Runs `work` for a call; its errors say where the call stood.
template <class F>
void with_place(const Call& call, std::string_view device, F&& work) {
  try {
    work();
  } catch (const Error& error) {
    throw located(error, call.path, device);
  } catch (const std::bad_alloc&) {
    throw located(Error("ERR_OUT_OF_MEMORY", call.op->name + ": no memory for intermediates"), call.path, device);
  }
}

}  // namespace lophi
