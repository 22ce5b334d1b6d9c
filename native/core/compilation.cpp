#include "core/compilation.h"

#include <utility>

#include "core/error.h"
#include "core/plan.h"

namespace lophi {

void Compilation::run() noexcept {
  std::exception_ptr error;
  try {
    allocate(plan_, *device_);
    executable_ = device_->compile(std::move(plan_));
  } catch (...) {
    error = std::current_exception();
  }
  finish(std::move(error));
}

void Compilation::give_up() noexcept {
  if (done()) return;
  try {
    throw Error("ERR_DISPOSED", "plan: must be compiled, but the environment that recorded it has ended");
  } catch (...) {
    finish(std::current_exception());
  }
}

void Compilation::finish(std::exception_ptr error) noexcept {
  plan_ = {};
  device_ = nullptr;
  error_ = std::move(error);
  done_.store(true, std::memory_order_release);
  done_.notify_all();
}

Executable& Compilation::result() const {
  if (error_) std::rethrow_exception(error_);
  return *executable_;
}

}  // namespace lophi
