// Worker threads of one CPU device: they split one loop at a time with the calling thread.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <type_traits>
#include <vector>

namespace lophi::cpu {

class Pool {
 public:
  // Counts the caller: threads - 1 workers are started, or as many as the system gives less some for others to start.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  bool spins() const { return spins_; }  // whether to look for work before sleeping
  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls f(begin, end) over [0, count) in pieces of a multiple of `grain`; returns when all are done. An exception from
  // `f` is thrown here. Called by one thread at a time.
  template <class F>
  void run(int64_t count, int64_t grain, F&& f) {
    using Body = std::remove_reference_t<F>;
    run(
        count, grain, [](void* body, int64_t begin, int64_t end) { (*static_cast<Body*>(body))(begin, end); },
        const_cast<void*>(static_cast<const void*>(&f)));
  }

 private:
  using Piece = void (*)(void* body, int64_t begin, int64_t end);
  void run(int64_t count, int64_t grain, Piece piece, void* body);
  void work(int index);
  void take_pieces();
  void stop_from(int index);  // workers of that index on

  // The loop under way; written before `generation_` moves, read after.
  Piece piece_ = nullptr;
  void* body_ = nullptr;
  int64_t count_ = 0, step_ = 1;
  std::exception_ptr error_;
  std::atomic<bool> failed_{false};

  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) std::atomic<uint64_t> generation_{0};  // counts loops; workers sleep on it
  std::atomic<uint64_t> open_{0};                    // the loop that may be joined, 0 = none
  alignas(64) std::atomic<int> active_{0};           // workers inside a loop, or about to find it closed
  std::atomic<int> last_;                            // workers of this index and above end
  bool spins_ = true;                                // there is a processor for each thread
  std::vector<std::thread> workers_;
};

}  // namespace lophi::cpu
