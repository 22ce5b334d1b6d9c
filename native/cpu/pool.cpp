#include "cpu/pool.h"

#include <algorithm>

#include "core/sleep.h"
#include "core/thread.h"
#include "cpu/limits.h"
#include "cpu/relax.h"
#include "cpu/thread_scratch.h"

namespace lophi::cpu {

namespace {

constexpr int kLeft = 4;  // threads for others, where the system has a limit: an executor, a waiter

}  // namespace

Pool::Pool(int threads) : last_(threads), spins_(threads <= limits_of_process().processors) {
  try {
    workers_.reserve(static_cast<size_t>(threads));
    for (int i = 1; i < threads; ++i) workers_.push_back(start_thread([this, i] { work(i); }));
  } catch (const std::exception&) {
    stop_from(std::max(1, static_cast<int>(workers_.size()) + 1 - kLeft));
  }
}

Pool::~Pool() { stop_from(1); }

void Pool::stop_from(int index) {
  last_ = index;
  ++generation_;
  wake_all(generation_);
  for (; static_cast<int>(workers_.size()) >= index; workers_.pop_back()) workers_.back().join();
}

void Pool::work(int index) {
  uint64_t seen = 0;
  for (;;) {
    if (spins_) spin_until([&] { return generation_.load(std::memory_order_acquire) != seen; });
    if (generation_.load(std::memory_order_acquire) == seen) {
      settle_thread_scratch();
      sleep_while(generation_, seen);
    }
    seen = generation_.load(std::memory_order_acquire);
    if (index >= last_) return drop_thread_scratch();
    // Either this worker sees the loop closed, or run() sees it active and waits: both orders are total (seq_cst).
    ++active_;
    if (open_ == seen) take_pieces();
    --active_;
  }
}

void Pool::take_pieces() {
  for (;;) {
    const int64_t begin = next_.fetch_add(step_, std::memory_order_relaxed);
    if (begin >= count_) return;
    try {
      piece_(body_, begin, std::min(begin + step_, count_));
    } catch (...) {
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
  }
}

void Pool::run(int64_t count, int64_t grain, Piece piece, void* body) {
  if (count <= 0) return;
  if (workers_.empty() || count <= grain) return piece(body, 0, count);
  // Four pieces a thread even out unequal speeds, where the grain allows it.
  const int64_t pieces = static_cast<int64_t>(threads()) * 4;
  const int64_t even = (count + pieces - 1) / pieces;
  piece_ = piece;
  body_ = body;
  count_ = count;
  step_ = std::max(grain, (even + grain - 1) / grain * grain);
  failed_ = false;
  next_.store(0, std::memory_order_relaxed);
  const uint64_t loop = generation_.load(std::memory_order_relaxed) + 1;
  open_ = loop;
  generation_.store(loop, std::memory_order_release);
  wake_all(generation_);
  take_pieces();
  open_ = 0;  // a worker that wakes late is not waited for
  // A worker inside a loop may have lost its processor to others.
  while (!spin_until([&] { return active_ == 0; })) std::this_thread::yield();
  if (failed_) std::rethrow_exception(error_);
}

}  // namespace lophi::cpu
