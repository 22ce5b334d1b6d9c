// Every environment variable that native code reads. The list for users is docs/env.md. JavaScript reads them when the addon is
// loaded and tells them here: its process.env writes to the environment while other threads would read it.
#pragma once
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace lophi::env {

inline constexpr const char* kNames[] = {"LOPHI_CACHE",        "LOPHI_CPU_ISA",         "LOPHI_CUDA_DRIVER",
                                         "LOPHI_CUDA_PDL",     "LOPHI_CUDA_TUNE",       "LOPHI_D3D12_DEBUG",
                                         "LOPHI_DIRECTML_DLL", "LOPHI_DIRECTML_GRAPHS", "LOPHI_FAIL"};

struct Told {
  std::mutex mutex;
  bool told = false;
  std::map<std::string, std::string> values;
};
inline Told& told() {
  static Told state;
  return state;
}

// The first who tells decides for the process.
inline void tell(std::map<std::string, std::string> values) {
  Told& state = told();
  const std::lock_guard lock(state.mutex);
  if (state.told) return;
  state.told = true;
  state.values = std::move(values);
}

inline std::string get(const char* name) {
  Told& state = told();
  const std::lock_guard lock(state.mutex);
  if (!state.told) {  // a program without JavaScript: the tests of native code
    const char* value = std::getenv(name);
    return value ? value : "";
  }
  const auto found = state.values.find(name);
  return found == state.values.end() ? "" : found->second;
}

inline std::string cache() { return get("LOPHI_CACHE"); }                // folder; empty: nothing is kept on disk
inline std::string cpu_isa() { return get("LOPHI_CPU_ISA"); }            // scalar | avx2 | avx512 | avx512vnni
inline std::string cuda_driver() { return get("LOPHI_CUDA_DRIVER"); }    // full path of the driver library
inline std::string cuda_pdl() { return get("LOPHI_CUDA_PDL"); }          // off: see docs/env.md
inline std::string cuda_tune() { return get("LOPHI_CUDA_TUNE"); }        // see docs/env.md
inline bool d3d12_debug() { return get("LOPHI_D3D12_DEBUG") == "1"; }    // Direct3D's debug layer
inline std::string directml_dll() { return get("LOPHI_DIRECTML_DLL"); }  // full path
// rmsNorm by DirectML's operator
inline bool directml_graphs() { return get("LOPHI_DIRECTML_GRAPHS") == "1"; }
inline std::string fail() { return get("LOPHI_FAIL"); }  // core/fail.h

}  // namespace lophi::env
