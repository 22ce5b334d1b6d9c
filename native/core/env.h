// Every environment variable that native code reads. The list for users is docs/env.md.
#pragma once
#include <cstdlib>
#include <string>

namespace lophi::env {

inline std::string get(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

inline std::string cpu_isa() { return get("LOPHI_CPU_ISA"); }            // scalar | avx2 | avx512 | avx512vnni
inline std::string cuda_driver() { return get("LOPHI_CUDA_DRIVER"); }    // full path of the driver library
inline std::string directml_dll() { return get("LOPHI_DIRECTML_DLL"); }  // full path
inline std::string fail() { return get("LOPHI_FAIL"); }                  // core/fail.h

}  // namespace lophi::env
