// What went wrong on a stream. Everything enqueued from the failed work to the moment the caller learnt of it fails alike,
// because its operands are not what they should be; later work runs again.
#pragma once
#include <algorithm>
#include <deque>
#include <exception>
#include <limits>

#include "core/backend.h"

namespace lophi {

// Not thread-safe: the stream's mutex guards it.
class Failures {
 public:
  // Work from ticket `from` on has failed. What failed before keeps the error that was told of it.
  void add(Ticket from, std::exception_ptr error) {
    if (!list_.empty()) from = std::max(from, list_.back().until + 1);
    if (list_.size() == kKept) list_.pop_front();
    list_.push_back({from, kNever, std::move(error)});
  }

  // The error that the work behind a ticket met, or null.
  std::exception_ptr at(Ticket ticket) const {
    // They do not overlap and the latest is the last, so that recent work is answered at once.
    for (auto failure = list_.rbegin(); failure != list_.rend() && ticket <= failure->until; ++failure)
      if (failure->from <= ticket) return failure->error;
    return nullptr;
  }

  // The caller has learnt of what failed up to `until`. True when there was a failure: the stream then needs a ticket
  // beyond it, or a wait without any new work would meet the error again.
  bool recover(Ticket until) {
    if (list_.empty() || list_.back().until != kNever) return false;
    list_.back().until = until;
    return true;
  }

 private:
  static constexpr Ticket kNever = std::numeric_limits<Ticket>::max();
  static constexpr size_t kKept = 256;  // a promise that was not settled yet may ask for any of them
  struct Failure {
    Ticket from, until;
    std::exception_ptr error;
  };
  std::deque<Failure> list_;
};

}  // namespace lophi
