// The CUDA driver, opened at run time: its entry points that are used here, by their documented signatures.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/library.h"

namespace lophi::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphExec = struct CUgraphExec_st*;

constexpr CUresult kSuccess = 0, kOutOfMemory = 2;
// CU_DEVICE_ATTRIBUTE_CLOCK_RATE, _MULTIPROCESSOR_COUNT, _L2_CACHE_SIZE, _COMPUTE_CAPABILITY_MAJOR, _MINOR
constexpr int kAttributeClock = 13, kAttributeMultiprocessors = 16, kAttributeCache = 38, kAttributeMajor = 75,
              kAttributeMinor = 76;
constexpr unsigned kStreamNonBlocking = 1, kEventNoTiming = 2;
constexpr int kCaptureThreadLocal = 1;

// CUlaunchAttribute and CUlaunchConfig.
struct LaunchAttribute {
  int id;
  alignas(8) int value;
  char rest[60];
};
constexpr int kProgrammaticSerialization = 6;  // the kernel may begin before the one before it in the stream ends
struct LaunchConfig {
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
  CUstream stream;
  LaunchAttribute* attributes;
  unsigned attribute_count;
};
static_assert(sizeof(LaunchAttribute) == 72 && sizeof(LaunchConfig) == 56);

struct Driver {
  const Library* library = nullptr;
  bool emulated = false;  // test/simt: kernels are found by name, so no image is needed
  int version = 0;        // of CUDA: 12080 is 12.8

  CUresult (*init)(unsigned flags);
  CUresult (*error_name)(CUresult result, const char** text);
  CUresult (*error_string)(CUresult result, const char** text);
  CUresult (*device_count)(int* count);
  CUresult (*device_get)(CUdevice* device, int ordinal);
  CUresult (*device_name)(char* name, int size, CUdevice device);
  CUresult (*device_memory)(size_t* bytes, CUdevice device);
  CUresult (*device_attribute)(int* value, int attribute, CUdevice device);
  CUresult (*context_retain)(CUcontext* context, CUdevice device);
  CUresult (*context_release)(CUdevice device);
  CUresult (*context_push)(CUcontext context);
  CUresult (*context_pop)(CUcontext* context);
  CUresult (*alloc)(CUdeviceptr* pointer, size_t bytes);
  CUresult (*free)(CUdeviceptr pointer);
  CUresult (*alloc_host)(void** pointer, size_t bytes);
  CUresult (*free_host)(void* pointer);
  CUresult (*upload_async)(CUdeviceptr to, const void* from, size_t bytes, CUstream stream);
  CUresult (*download_async)(void* to, CUdeviceptr from, size_t bytes, CUstream stream);
  CUresult (*copy_async)(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream);
  CUresult (*memset_async)(CUdeviceptr to, unsigned value, size_t count, CUstream stream);  // of 32-bit words
  CUresult (*stream_create)(CUstream* stream, unsigned flags);
  CUresult (*stream_destroy)(CUstream stream);
  CUresult (*stream_synchronize)(CUstream stream);
  CUresult (*stream_wait_event)(CUstream stream, CUevent event, unsigned flags);
  CUresult (*event_create)(CUevent* event, unsigned flags);
  CUresult (*event_destroy)(CUevent event);
  CUresult (*event_record)(CUevent event, CUstream stream);
  CUresult (*event_query)(CUevent event);
  CUresult (*event_synchronize)(CUevent event);
  CUresult (*event_elapsed)(float* milliseconds, CUevent begin, CUevent end);
  CUresult (*module_load)(CUmodule* module, const void* image);
  CUresult (*module_unload)(CUmodule module);
  CUresult (*module_function)(CUfunction* function, CUmodule module, const char* name);
  CUresult (*launch)(const LaunchConfig* config, CUfunction function, void** params, void** extra);
  CUresult (*begin_capture)(CUstream stream, int mode);
  CUresult (*end_capture)(CUstream stream, CUgraph* graph);
  CUresult (*graph_instantiate)(CUgraphExec* exec, CUgraph graph, unsigned long long flags);
  CUresult (*graph_launch)(CUgraphExec exec, CUstream stream);
  CUresult (*graph_destroy)(CUgraph graph);
  CUresult (*graph_exec_destroy)(CUgraphExec exec);

  // Throws unless the call succeeded: ERR_OUT_OF_MEMORY, ERR_DEVICE_LOST (the context is gone for good) or ERR_DRIVER, with
  // the call's name and the driver's own words.
  void check(CUresult result, const char* call) const;
};

std::string dotted_version(int version);  // "12.8"

int attribute_of(const Driver& driver, CUdevice device, int attribute);
// The compute capability: 90 is 9.0.
int capability_of(const Driver& driver, CUdevice device);

// The process's driver, initialised; null, with the reason, where the machine has none that works.
const Driver* driver(std::string& reason);

}  // namespace lophi::cuda
