#include "core/path.h"

#include <deque>
#include <map>
#include <mutex>

namespace lophi {
namespace {

struct Paths {
  std::mutex mutex;
  std::deque<std::string> names{""};  // addresses stay
  std::map<std::string_view, int> numbers{{"", 0}};
};

Paths& paths() {
  static Paths all;
  return all;
}

}  // namespace

int intern_path(std::string_view path) {
  Paths& all = paths();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.numbers.find(path); found != all.numbers.end()) return found->second;
  const int number = static_cast<int>(all.names.size());
  all.numbers.emplace(all.names.emplace_back(path), number);
  return number;
}

bool is_path(int64_t number) {
  Paths& all = paths();
  const std::lock_guard lock(all.mutex);
  return number >= 0 && number < static_cast<int64_t>(all.names.size());
}

const std::string& path_name(int path) {
  Paths& all = paths();
  const std::lock_guard lock(all.mutex);
  return all.names[static_cast<size_t>(path)];
}

std::string located(int path, std::string_view device) {
  const std::string& name = path_name(path);
  return (name.empty() ? " (on " : " (in " + name + " on ") + std::string(device) + ")";
}

}  // namespace lophi
