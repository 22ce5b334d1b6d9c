#include "cpu/pool.h"

#include <algorithm>

#include "cpu/thread_scratch.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace lophi::cpu {
namespace {

// How long a worker looks for the next loop before it sleeps: the ops of a step follow each other within microseconds,
// and a sleeping worker takes some ten to wake. Longer spinning would take the processor from the JS thread.
constexpr int kSpins = 2000;

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

}  // namespace

Pool::Pool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
}

Pool::~Pool() {
  stop_ = true;
  ++generation_;
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Pool::work() {
  uint32_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < kSpins && generation_.load(std::memory_order_acquire) == seen; ++spin) relax();
    generation_.wait(seen, std::memory_order_acquire);
    seen = generation_.load(std::memory_order_acquire);
    if (stop_) return drop_thread_scratch();
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
  const uint32_t loop = generation_.load(std::memory_order_relaxed) + 1;
  open_ = loop;
  generation_.store(loop, std::memory_order_release);
  generation_.notify_all();
  take_pieces();
  open_ = 0;  // a worker that wakes late is not waited for
  while (active_) relax();
  if (failed_) std::rethrow_exception(error_);
}

}  // namespace lophi::cpu
