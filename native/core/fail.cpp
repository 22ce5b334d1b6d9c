#include "core/fail.h"

#include <atomic>
#include <charconv>
#include <string>

#include "core/env.h"

namespace lophi {
namespace {

// Which occurrence fails, counted from 1; 0 = never.
long asked(const std::string& name) {
  const std::string text = env::fail();
  const size_t at = text.find(name + ":");
  if (at == std::string::npos) return 0;
  long n = 0;
  std::from_chars(text.data() + at + name.size() + 1, text.data() + text.size(), n);
  return n;
}

long at(Failure failure) {
  static const long wanted[] = {asked("alloc"), asked("lost"), asked("descriptor"), asked("thread")};
  return wanted[static_cast<size_t>(failure)];
}

}  // namespace

bool is_asked(Failure failure) { return at(failure) != 0; }

bool should_fail(Failure failure) {
  static std::atomic<long> seen[4];
  const long wanted = at(failure);
  if (!wanted) return false;
  const long now = ++seen[static_cast<size_t>(failure)];
  return failure == Failure::kLost ? now >= wanted : now == wanted;
}

}  // namespace lophi
