#include "core/path.h"

#include <deque>
#include <map>
#include <mutex>

namespace lophi {
namespace {

struct Place {
  std::string name, stack;
};

struct Places {
  std::mutex mutex;
  std::deque<Place> all{{}};  // addresses stay
  std::map<std::pair<std::string_view, std::string_view>, int> numbers{{{"", ""}, 0}};
};

Places& places() {
  static Places all;
  return all;
}

const Place& place(int path) {
  Places& known = places();
  const std::lock_guard lock(known.mutex);
  return known.all[static_cast<size_t>(path)];
}

}  // namespace

int intern_path(std::string_view path, std::string_view stack) {
  Places& known = places();
  const std::lock_guard lock(known.mutex);
  if (const auto found = known.numbers.find({path, stack}); found != known.numbers.end()) return found->second;
  const int number = static_cast<int>(known.all.size());
  const Place& fresh = known.all.emplace_back(Place{std::string(path), std::string(stack)});
  known.numbers.emplace(std::pair(std::string_view(fresh.name), std::string_view(fresh.stack)), number);
  return number;
}

bool is_path(int64_t number) {
  Places& known = places();
  const std::lock_guard lock(known.mutex);
  return number >= 0 && number < static_cast<int64_t>(known.all.size());
}

const std::string& path_name(int path) { return place(path).name; }

CallError located(const Error& error, int path, std::string_view device) {
  const auto& [name, stack] = place(path);
  const std::string where = (name.empty() ? " (on " : " (in " + name + " on ") + std::string(device) + ")";
  const auto* called = stack.empty() ? dynamic_cast<const CallError*>(&error) : nullptr;
  return CallError(error.code(), error.what() + where, called ? called->stack() : stack);
}

}  // namespace lophi
