#include "core/compilation.h"

#include <utility>

#include "core/error.h"
#include "core/plan.h"

namespace lophi {

void Compilation::run(std::shared_ptr<Compilation> plan) noexcept {
  std::exception_ptr error;
  try {
    allocate(plan->plan_, *plan->device_);
    plan->executable_ = plan->device_->compile(std::move(plan->plan_));
  } catch (...) {
    error = std::current_exception();
  }
  finish(std::move(plan), std::move(error));
}

void Compilation::give_up(std::shared_ptr<Compilation> plan) noexcept {
  if (plan->done()) return;
  try {
    throw Error("ERR_DISPOSED", "plan: must be compiled, but the environment that recorded it has ended");
  } catch (...) {
    finish(std::move(plan), std::current_exception());
  }
}

void Compilation::finish(std::shared_ptr<Compilation> plan, std::exception_ptr error) noexcept {
  plan->plan_ = {};
  plan->device_ = nullptr;
  plan->error_ = std::move(error);
  const auto done = plan->done_;
  plan = nullptr;
  done->store(true, std::memory_order_release);
  wake_all(*done);
}

Executable& Compilation::result() const {
  if (error_) std::rethrow_exception(error_);
  return *executable_;
}

}  // namespace lophi
