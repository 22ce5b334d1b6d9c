#include "core/queue.h"

#include <algorithm>
#include <cstring>

#include "core/fail.h"

namespace lophi {
namespace {

constexpr size_t kMarkEvery = 64;  // work items whose operands stay alive for want of a mark

void lose_if_asked(const Call& call) {
  if (should_fail(Failure::kLost)) throw Error("ERR_DEVICE_LOST", call.op->name + ": the device was lost");
}

// Runs what is no op's work, with the device's name in its errors.
template <class F>
void at(const std::string& device, F&& work) {
  try {
    work();
  } catch (const Error& error) {
    throw located(error, 0, device);
  }
}

// A caller's view, or a copy for work that is launched when the caller has gone.
struct Place {
  Place(const View& at, bool later) : owner(at.buffer), view(&at) {
    if (!later) return;
    const auto copy = std::make_shared<const View>(at);
    owner = copy;
    view = copy.get();
  }
  std::shared_ptr<const void> owner;
  const View* view;
};

template <class F>
std::exception_ptr error_of(F&& work) {
  try {
    work();
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

Queue::Queue(std::string device, std::unique_ptr<Lane> lane) : device_(std::move(device)), lane_(std::move(lane)) {
  tells_ = lane_->start(*this);
}

Queue::~Queue() {
  std::unique_lock lock(mutex_);
  if (tells_) {
    for (; !kept_.empty(); done_.wait(lock)) awaited_ = kept_.back().until;
    return;
  }
  landings_.clear();
  if (unmarked_) mark();
  lock.unlock();
  error_of([&] { lane_->drain(); });  // nobody is left to hear of a lost device
}

template <class F>
void Queue::enqueue(std::shared_ptr<const void> owner, std::shared_ptr<const void> staging, F&& launch,
                    const std::shared_ptr<const Compilation>& until) {
  catch_up();
  const Ticket ticket = enqueued_ + 1;
  if (!held_.empty() || (until && !until->done()))
    held_.push_back({ticket, std::move(owner), std::move(staging), std::forward<F>(launch), until});
  else
    start(ticket, std::move(owner), std::move(staging), launch);
  enqueued_ = ticket;
}

void Queue::catch_up() {
  if (held_.empty()) return;
  while (!held_.empty() && (!held_.front().until || held_.front().until->done())) {
    Held& next = held_.front();
    if (next.launch)
      start(next.ticket, next.owner, next.staging, next.launch);
    else
      pass(next.ticket);
    if (next.submitted && unmarked_) mark();
    held_.pop_front();
  }
}

template <class F>
void Queue::start(Ticket ticket, std::shared_ptr<const void> owner, std::shared_ptr<const void> staging, F&& launch) {
  if (failures_.at(ticket)) return pass(ticket);
  kept_.push_back({ticket, ticket, std::move(owner), std::move(staging)});
  started_ = ticket;
  try {
    launch(ticket);
  } catch (...) {
    failures_.add(ticket, std::current_exception());
    if (tells_) {
      kept_.pop_back();
      pass(ticket);
    }
  }
  if (!tells_ && ++unmarked_ >= kMarkEvery) mark();
}

void Queue::pass(Ticket ticket) {
  started_ = ticket;
  if (kept_.empty())
    completed_ = ticket;
  else
    kept_.back().until = ticket;
}

void Queue::run(Call call) {
  auto kept = std::make_shared<const Call>(std::move(call));
  const Call* next = kept.get();
  const std::lock_guard lock(mutex_);
  enqueue(std::move(kept), nullptr, [this, next](Ticket ticket) {
    with_place(*next, device_, [&] {
      lose_if_asked(*next);
      lane_->launch(ticket, *next);
    });
  });
}

void Queue::replay(std::shared_ptr<const Compilation> plan) {
  const Compilation* compiled = plan.get();
  const std::lock_guard lock(mutex_);
  const auto launch = [this, compiled](Ticket ticket) {
    Executable& executable = compiled->result();
    if (is_asked(Failure::kLost))
      for (const Call& call : executable.plan.calls) with_place(call, device_, [&] { lose_if_asked(call); });
    at(device_, [&] { lane_->replay(ticket, executable); });
  };
  enqueue(plan, nullptr, launch, plan);
}

void Queue::upload(const View& to, std::span<const std::byte> from) {
  if (from.empty()) return;
  const std::lock_guard lock(mutex_);
  catch_up();
  std::shared_ptr<Staging> staged = lane_->stage(from, !held_.empty());  // without memory for it nothing is enqueued
  const Place place(to, !held_.empty());
  enqueue(place.owner, staged, [this, to = place.view, staged = staged.get()](Ticket ticket) {
    at(device_, [&] { lane_->upload(ticket, *to, *staged); });
  });
}

void Queue::download(std::byte* to, const View& from) {
  const size_t bytes = from.bytes();
  if (!bytes) return;
  const std::lock_guard lock(mutex_);
  catch_up();
  std::shared_ptr<Staging> landing = lane_->landing({to, bytes});
  const Place place(from, !held_.empty());
  enqueue(place.owner, landing, [this, to, from = place.view, landing](Ticket ticket) {
    if (landing->data != to) landings_.push_back({ticket, landing, to});
    at(device_, [&] { lane_->download(ticket, *landing, *from); });
  });
}

void Queue::fail(Ticket from, std::exception_ptr error) {
  if (!failures_.at(started_)) failures_.add(from, std::move(error));
}

void Queue::mark() {
  std::deque<Kept> dropped;
  while (!marks_.empty() && marks_.front().mark->reached()) reach(marks_.front().ticket, nullptr, dropped);
  // Without a mark the operands stay alive, as nothing tells when they are free.
  const auto error = error_of([&] { at(device_, [&] { marks_.push_back({started_, lane_->mark(started_)}); }); });
  if (error) return fail(marked_ + 1, error);
  marked_ = started_;
  unmarked_ = 0;
}

Ticket Queue::submit() {
  const std::lock_guard lock(mutex_);
  catch_up();
  if (unmarked_) mark();
  if (!held_.empty()) held_.back().submitted = true;
  return enqueued_;
}

bool Queue::runs(Ticket ticket) {
  const std::lock_guard lock(mutex_);
  return !failures_.at(ticket);
}

void Queue::done(Ticket ticket, std::exception_ptr error) {
  std::shared_ptr<const void> owner, staging;
  {
    const std::lock_guard lock(mutex_);
    if (error) failures_.add(ticket, std::move(error));
    owner = std::move(kept_.front().owner);
    staging = std::move(kept_.front().staging);
  }
  owner = staging = nullptr;  // operands go before anybody is told that the work is done
  const std::lock_guard lock(mutex_);
  completed_ = kept_.front().until;
  kept_.pop_front();
  if (completed_ < awaited_) return;  // whoever waits would only wake to sleep again
  awaited_ = kNobody;
  done_.notify_all();
}

void Queue::reach(Ticket ticket, std::exception_ptr error, std::deque<Kept>& dropped) {
  const auto complete = [&](Ticket to, std::exception_ptr failure) {
    if (to <= completed_) return;
    if (failure && !failures_.at(to)) failures_.add(completed_ + 1, std::move(failure));
    completed_ = to;
  };
  // Mark by mark: what was done at an earlier one is not to blame for a fault behind it.
  for (; !marks_.empty() && marks_.front().ticket <= ticket; marks_.pop_front()) {
    const Fault fault = error ? Fault{} : marks_.front().mark->fault();
    complete(marks_.front().ticket, fault.code ? std::make_exception_ptr(fault_error(fault, device_)) : error);
  }
  complete(ticket, std::move(error));
  for (; !kept_.empty() && kept_.front().ticket <= ticket; kept_.pop_front()) {
    completed_ = std::max(completed_, kept_.front().until);
    dropped.push_back(std::move(kept_.front()));
  }
}

void Queue::wait(Ticket ticket) {
  std::deque<Kept> dropped;  // outlives the lock
  std::unique_lock lock(mutex_);
  while (completed_ < ticket) {
    if (started_ < ticket) {
      catch_up();
      if (held_.empty()) continue;
      const auto plan = held_.front().until;  // not done yet, or it would have been started
      lock.unlock();
      plan->wait();
      lock.lock();
      continue;
    }
    if (tells_) {
      awaited_ = std::min(awaited_, ticket);
      done_.wait(lock);
      continue;
    }
    auto found = std::ranges::find_if(marks_, [&](const Marked& m) { return m.ticket >= ticket; });
    if (found == marks_.end() && !marks_.empty()) --found;
    const Marked next = marks_.empty() ? Marked{started_, nullptr} : *found;
    lock.unlock();
    const auto error = error_of([&] { at(device_, [&] { next.mark ? next.mark->wait() : lane_->drain(); }); });
    lock.lock();
    reach(next.ticket, error, dropped);
  }
  lock.unlock();
  land(ticket);
  lock.lock();
  if (const auto error = failures_.at(ticket)) std::rethrow_exception(error);
}

// Several may wait at once: whoever comes second waits until the bytes of the first are there.
void Queue::land(Ticket ticket) {
  const std::lock_guard landing(landing_);
  for (;;) {
    Landing next;
    {
      const std::lock_guard lock(mutex_);
      if (landings_.empty() || landings_.front().ticket > ticket) return;
      next = std::move(landings_.front());
      landings_.pop_front();
      if (failures_.at(next.ticket)) continue;
    }
    std::memcpy(next.to, next.from->data, next.from->bytes);
  }
}

void Queue::recover() {
  const std::lock_guard lock(mutex_);
  if (!failures_.recover(enqueued_)) return;
  catch_up();
  if (held_.empty())
    pass(++enqueued_);
  else
    held_.push_back({++enqueued_, nullptr, nullptr, nullptr, nullptr});
  error_of([&] { lane_->clear_fault(); });  // of a device that is lost it does not matter
}

}  // namespace lophi
