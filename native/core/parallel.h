// Loops on all cores, outside any device: loading.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <vector>

#include "core/thread.h"

namespace lophi {

// Calls f(i) for every i below `count`; returns when all calls have, and throws what the first that failed threw.
template <class F>
void parallel(int64_t count, F&& f) {
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  const auto work = [&] {
    try {
      for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) f(i);
    } catch (...) {
      next = count;
      if (!failed.exchange(true)) error = std::current_exception();
    }
  };
  const auto cores = std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, std::max<int64_t>(1, count));
  std::vector<std::thread> others;
  try {
    others.reserve(static_cast<size_t>(cores));
    while (static_cast<int64_t>(others.size()) < cores - 1) others.push_back(start_thread(work));
  } catch (const std::exception&) {
    // No more threads to be had, or no memory for them: those that run do the work.
  }
  work();
  for (std::thread& other : others) other.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace lophi
