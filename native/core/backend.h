// THE SEAM. What a backend gives to the rest: devices, memory, an in-order stream, weights, compiled plans.
// No model, tokenizer or JavaScript word ever appears here.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/ops.gen.h"
#include "core/weight.h"

namespace lophi {

struct DeviceInfo {
  std::string id;       // "cpu", "cuda:0"
  std::string backend;  // "cpu", "cuda", "dml"
  std::string name;     // the processor's or adapter's own name
  std::string vendor;
  uint64_t memory = 0;    // bytes that the device has in all
  bool software = false;  // an emulation of a device
  using Detail = std::variant<std::string, double, std::vector<std::string>>;
  std::vector<std::pair<std::string, Detail>> details;  // DeviceDetails of lib/native.ts
};

struct MemoryInfo {
  uint64_t used = 0;    // bytes in live buffers and weights
  uint64_t peak = 0;    // the largest `used` so far
  uint64_t cached = 0;  // bytes kept for reuse, not in use
  uint64_t total = 0;   // bytes that the device has
};

// A recorded step: checked calls whose operands are fixed, each with its path. Core makes it (core/plan.h); a backend compiles
// it once.
struct Plan {
  std::vector<Call> calls;
};

// A plan in the form that replays fastest: a list on the CPU, a graph on CUDA, a closed command list on D3D12.
struct Executable {
  explicit Executable(Plan recorded) : plan(std::move(recorded)) {}
  virtual ~Executable() = default;
  const Plan plan;  // keeps its operands alive
};

class Compilation;  // core/compilation.h

// Marks everything enqueued on a stream up to a moment.
using Ticket = uint64_t;

// An in-order queue: core/queue.h is the one for all backends. Everything but wait() returns at once; errors of enqueued work
// surface at wait(). Work is enqueued by one thread, which several may wait for.
struct Stream {
  virtual ~Stream() = default;                                       // waits for what is enqueued
  virtual void run(Call call) = 0;                                   // one eager op; keeps its operands alive
  virtual void replay(std::shared_ptr<const Compilation> plan) = 0;  // with what follows it waits until that is done
  virtual void upload(const View& to, std::span<const std::byte> from) = 0;  // `from` is copied before it returns
  virtual void download(std::byte* to, const View& from) = 0;  // written until wait(submit()) has returned or thrown
  virtual Ticket submit() = 0;                                 // hands over everything enqueued so far
  virtual void wait(Ticket ticket) = 0;  // from any thread; throws the first error since the last recover()
  virtual void recover() = 0;            // the error was delivered: later calls run again
};

struct Device {
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  virtual MemoryInfo memory() const = 0;
  // Empty where the device runs exactly this call; else why not: dtype, format, rank or size. Asked before anything is done,
  // and of weights before they are made: of those only what core/weight.h has may be looked at.
  virtual std::string refusal(const Call& call) const = 0;
  // Bytes that a call needs beside its operands while it runs. Core gives them as Call::scratch, aligned to 256: from a
  // plan's arena, or allocated for an eager call, so that nothing is allocated while a graph is captured or a list recorded.
  virtual size_t scratch(const Call&) const { return 0; }
  // Kernels of the backend's own fused ops, those with `fuses`: matched in plans like the schema's.
  virtual std::span<const std::shared_ptr<const Kernel>> fused() const { return {}; }
  virtual std::shared_ptr<Buffer> alloc(size_t bytes) = 0;  // throws ERR_OUT_OF_MEMORY; contents undefined
  // The spec has been checked; its rows are read by core/rows.h, and bytes without an owner before this returns. Throws
  // ERR_OUT_OF_MEMORY. What the device still copies, streams wait for. From any thread.
  virtual std::shared_ptr<const Weight> weight(WeightSpec spec) = 0;
  virtual std::shared_ptr<Executable> compile(Plan plan) = 0;  // from any thread
  // Whether compile() and scratch() may take long: a thread of their own does them then.
  virtual bool compiles_slowly() const { return true; }
  virtual std::unique_ptr<Stream> stream() = 0;
};

struct OpenOptions {
  int threads = 0;  // CPU worker threads; 0 = all cores
  Bytes image;      // the device code that DeviceInfo's detail "image" names (core/images.h); empty where it names none
};

// One constant per backend folder, named in core/registry.cpp.
struct Backend {
  const char* name;
  std::vector<DeviceInfo> (*list)(std::string& reason);  // and why it has none, or not all that the machine has
  std::shared_ptr<Device> (*open)(int index, const OpenOptions& options);
  bool (*has)(Op op);  // a row in its op table: some calls of the op run. Needs no device
};

}  // namespace lophi
