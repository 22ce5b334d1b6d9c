#include "napi/handle.h"

#include <mutex>
#include <unordered_map>

namespace lophi::js::handles {
namespace {

struct Table {
  std::mutex mutex;
  std::unordered_map<const void*, Kind> kinds;
};

// Never destroyed: environments may end after static objects do.
Table& table() {
  static Table& all = *new Table;
  return all;
}

}  // namespace

void add(const void* object, Kind kind) {
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  all.kinds[object] = kind;
}

void remove(const void* object) {
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  all.kinds.erase(object);
}

Kind kind_of(const void* object) {
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  const auto found = all.kinds.find(object);
  return found == all.kinds.end() ? nullptr : found->second;
}

}  // namespace lophi::js::handles
