// What this process may use of the machine: the processors that it may run on and the limits of its container.
#pragma once
#include <cstdint>
#include <string>

namespace lophi::cpu {

struct Limits {
  int processors = 1;   // threads that really run side by side, at least 1
  uint64_t memory = 0;  // bytes; UINT64_MAX where nothing limits them
};

// Linux: affinity, and the quotas of the control groups (versions 1 and 2) that /proc/self/cgroup names below `root`.
Limits limits_of_process(const std::string& root = "");

}  // namespace lophi::cpu
