// A plan on its way to an Executable. `record` hands it out before it is compiled, so that whoever records need not wait.
#pragma once
#include <atomic>
#include <exception>
#include <memory>

#include "core/backend.h"
#include "core/sleep.h"

namespace lophi {

class Compilation {
 public:
  Compilation(std::shared_ptr<Device> device, Plan plan) : device_(std::move(device)), plan_(std::move(plan)) {}

  // Gives intermediates their places and compiles. From any thread, once. What is given has been let go of when others learn
  // that it is done, so that memory goes with its last user.
  static void run(std::shared_ptr<Compilation> plan) noexcept;
  // Nobody will compile it; nothing where somebody has.
  static void give_up(std::shared_ptr<Compilation> plan) noexcept;

  bool done() const { return done_->load(std::memory_order_acquire); }
  void wait() const { sleep_while(*done_, false); }  // blocks until then
  Executable& result() const;                        // once done; throws what went wrong

 private:
  static void finish(std::shared_ptr<Compilation> plan, std::exception_ptr error) noexcept;

  std::shared_ptr<Device> device_;
  Plan plan_;
  std::shared_ptr<Executable> executable_;
  std::exception_ptr error_;
  const std::shared_ptr<std::atomic<bool>> done_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace lophi
