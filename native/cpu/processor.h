#pragma once
#include <cstdint>
#include <string>

namespace lophi::cpu {

struct Processor {
  std::string name;     // "AMD EPYC", as the processor or the system says it
  std::string vendor;   // "AuthenticAMD", "Apple"
  uint64_t memory = 0;  // bytes of the machine, or of the container
};
Processor processor_info();

}  // namespace lophi::cpu
