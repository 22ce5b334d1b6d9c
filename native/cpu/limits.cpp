#include "cpu/limits.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace lophi::cpu {
namespace {

int affinity() {
#ifdef __linux__
  for (int size = 1024; size <= 1 << 20; size *= 4) {
    std::vector<unsigned long> bits(static_cast<size_t>(size) / (8 * sizeof(unsigned long)));
    auto* set = reinterpret_cast<cpu_set_t*>(bits.data());
    if (sched_getaffinity(0, bits.size() * sizeof(unsigned long), set) == 0)
      return CPU_COUNT_S(bits.size() * sizeof(unsigned long), set);
  }
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

// The first word of a file of a control group as a number; nothing where it is missing or says "max".
std::optional<uint64_t> number_in(const std::string& file, size_t word = 0) {
  std::ifstream in(file);
  std::string text;
  for (size_t i = 0; i <= word; ++i)
    if (!(in >> text)) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

void limit_processors(Limits& limits, std::optional<uint64_t> quota, std::optional<uint64_t> period) {
  if (!quota || !period || *period == 0) return;
  const uint64_t whole = std::max<uint64_t>(1, *quota / *period);  // a thread more would only be held up
  limits.processors = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(limits.processors), whole));
}

void limit_memory(Limits& limits, std::optional<uint64_t> bytes) {
  if (bytes) limits.memory = std::min(limits.memory, *bytes);
}

// Every folder from `path` up to the mount: a limit of any of them holds. In a container the path may be that of the host, which does
// not exist here; the mount itself is then the group.
template <class F>
void each_group(const std::string& mount, std::string path, F&& f) {
  for (;;) {
    f(mount + path);
    if (path.empty() || path == "/") return;
    path.erase(std::min(path.rfind('/'), path.size()));
  }
}

}  // namespace

Limits limits_of_process(const std::string& root) {
  Limits limits{std::max(1, affinity()), UINT64_MAX};
  const std::string mount = root + "/sys/fs/cgroup";
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/path" of version 2, "4:cpu,cpuacct:/path" of version 1
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string controllers(1, ',');
    controllers.append(line, first + 1, second - first - 1).push_back(',');
    const std::string path = line.substr(second + 1);
    if (controllers == ",,")
      each_group(mount, path, [&](const std::string& group) {
        limit_processors(limits, number_in(group + "/cpu.max"), number_in(group + "/cpu.max", 1));
        limit_memory(limits, number_in(group + "/memory.max"));
      });
    if (controllers.find(",cpu,") != std::string::npos)
      each_group(mount + "/cpu", path, [&](const std::string& group) {
        limit_processors(limits, number_in(group + "/cpu.cfs_quota_us"), number_in(group + "/cpu.cfs_period_us"));
      });
    if (controllers.find(",memory,") != std::string::npos)
      each_group(mount + "/memory", path,
                 [&](const std::string& group) { limit_memory(limits, number_in(group + "/memory.limit_in_bytes")); });
  }
  return limits;
}

}  // namespace lophi::cpu
