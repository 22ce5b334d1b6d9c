#pragma once
#include <system_error>
#include <thread>
#include <utility>

#include "core/fail.h"

namespace lophi {

// Throws std::system_error where the system gives no thread.
template <class F>
std::thread start_thread(F&& f) {
  if (should_fail(Failure::kThread))
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again), "injected");
  return std::thread(std::forward<F>(f));
}

}  // namespace lophi
