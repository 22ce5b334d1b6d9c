#include "core/images.h"

#include <mutex>

namespace lophi {
namespace {

std::mutex mutex;
std::vector<std::string> known;

}  // namespace

void set_image_names(std::vector<std::string> names) {
  const std::lock_guard lock(mutex);
  known = std::move(names);
}

std::vector<std::string> image_names(const std::string& backend) {
  const std::lock_guard lock(mutex);
  std::vector<std::string> names;
  for (const std::string& name : known)
    if (name.starts_with(backend + "/")) names.push_back(name.substr(backend.size() + 1));
  return names;
}

}  // namespace lophi
