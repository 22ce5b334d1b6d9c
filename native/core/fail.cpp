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

}  // namespace

bool should_fail(Failure failure) {
  static const long alloc_at = asked("alloc"), lost_at = asked("lost"), descriptor_at = asked("descriptor");
  static std::atomic<long> allocs{0}, calls{0}, descriptors{0};
  if (failure == Failure::kAlloc) return alloc_at && ++allocs == alloc_at;
  if (failure == Failure::kDescriptor) return descriptor_at && ++descriptors == descriptor_at;
  return lost_at && ++calls >= lost_at;
}

}  // namespace lophi
