#include "cpu/processor.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "cpu/cpuid.h"
#include "cpu/limits.h"

#ifdef _WIN32
#include <windows.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#include <unistd.h>
#else
#include <unistd.h>
#endif

namespace lophi::cpu {
namespace {

#if defined(__x86_64__) || defined(_M_X64)
void describe(Processor& p) {
  const Registers id = cpuid(0);
  char vendor[13] = {};
  std::memcpy(vendor, &id.ebx, 4);
  std::memcpy(vendor + 4, &id.edx, 4);
  std::memcpy(vendor + 8, &id.ecx, 4);
  p.vendor = vendor;
  char name[49] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    const Registers part = cpuid(0x80000002 + i);
    std::memcpy(name + 16 * i, &part, sizeof part);
  }
  p.name = name;
  p.name.erase(0, p.name.find_first_not_of(' '));
  p.name.erase(p.name.find_last_not_of(' ') + 1);
}
#elif defined(__APPLE__)
void describe(Processor& p) {
  char name[128] = {};
  size_t size = sizeof name - 1;
  sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0);
  p.name = name;
  p.vendor = "Apple";
}
#else
void describe(Processor&) {}
#endif

uint64_t physical_memory() {
#ifdef _WIN32
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof status;
  GlobalMemoryStatusEx(&status);
  return status.ullTotalPhys;
#else
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
#endif
}

}  // namespace

Processor processor_info() {
  Processor p;
  describe(p);
  if (p.name.empty()) p.name = std::to_string(std::thread::hardware_concurrency()) + " cores";
  p.memory = std::min(physical_memory(), limits_of_process().memory);
  return p;
}

}  // namespace lophi::cpu
