// One command list under construction, and what keeps it valid: operands, descriptors, temporary memory.
// Buffers stay in the state UNORDERED_ACCESS: a list finds them so (or in COMMON, which promotes) and leaves them so. Copies
// change the state and change it back. Barriers between dispatches follow from the ranges that they read and write.
#pragma once
#include <set>
#include <span>
#include <vector>

#include "dml/d3d12.h"
#include "dml/staging.h"

namespace lophi::dml {

struct CompiledGraph;
struct DirectMlDevice;

struct Operand {
  std::shared_ptr<Buffer> buffer;  // null: unused
  size_t offset = 0, bytes = 0;
  bool written = false;
};
inline Operand read(const View& view) { return {view.buffer, view.offset, view.bytes(), false}; }
inline Operand write(const View& view) { return {view.buffer, view.offset, view.bytes(), true}; }

// What the lists of a stream, or of a plan, have in common.
struct Shared {
  // Buffers that are known to be in the state UNORDERED_ACCESS, over the lists of one submission: at its end all decay to COMMON.
  std::set<ID3D12Resource*> in_uav;
  std::shared_ptr<Buffer> faults;  // the word (core/fault.h) that kernels report in; made for the first that may
  bool may_report = false;         // such a kernel has been recorded
};

// Groups of `size` threads that cover `count` elements.
constexpr uint64_t groups_of(int64_t count, int64_t size) { return static_cast<uint64_t>((count + size - 1) / size); }
// Groups of 256 threads, a thread for every word in which a part of a view lies.
inline uint64_t groups_of_words(const View& view) {
  return groups_of(static_cast<int64_t>((view.offset & 3) + view.bytes()), 256 * 4);
}

class Commands {
 public:
  Commands(Gpu& gpu, Shared& shared);
  Gpu& gpu() { return gpu_; }

  // Runs a kernel, a number of shaders.gen.h, over `groups` groups (x) times `rows` (z). Constants stand from c2 on, see
  // ops/common.hlsli. `reporting`: the call of a kernel that may find its data wrong.
  void kernel(int shader, std::span<const Operand> operands, std::span<const uint32_t> constants, uint64_t groups,
              uint32_t rows = 1, const Call* reporting = nullptr);
  // Operands must start at a multiple of 16 bytes, `temporary` at one of 256: it has the bytes that the graph asks for.
  void graph(DirectMlDevice& directml, std::shared_ptr<const CompiledGraph> graph, std::span<const Operand> inputs,
             const Operand& output, const Operand& temporary);
  // Fills the persistent resource of a graph before its first use.
  void initialize(DirectMlDevice& directml, IDMLOperatorInitializer* initializer,
                  const std::shared_ptr<Buffer>& persistent);
  void upload(const View& to, ID3D12Resource* from, size_t offset);
  // Bytes of the host's, copied each time the list runs.
  void constant(const View& to, std::span<const std::byte> bytes);
  void download(ID3D12Resource* to, size_t offset, const View& from);
  void keep(std::shared_ptr<const void> owner) { kept_.push_back(std::move(owner)); }

  ID3D12CommandList* close();
  void release();  // lets go of what it kept; the GPU must be done with it
  void reopen();   // after release()

 private:
  struct Access {
    const Buffer* buffer;
    size_t begin, end;
    bool written;
  };
  void access(std::span<const Operand> operands);
  void bind(DirectMlDevice& directml, IDMLDispatchable* dispatchable, const DML_BINDING_PROPERTIES& properties,
            const std::shared_ptr<Buffer>& persistent, const Operand& temporary, std::span<const Operand> inputs,
            const Operand* output);
  void copy(ID3D12Resource* tensor, D3D12_RESOURCE_STATES state, const std::function<void()>& record);
  const std::shared_ptr<Buffer>& fault_word();
  void order();  // what follows sees what came before

  Gpu& gpu_;
  ComPtr<ID3D12CommandAllocator> allocator_;
  ComPtr<ID3D12GraphicsCommandList> list_;
  bool kernels_bound_ = false, heap_bound_ = false;
  Shared& shared_;
  Chunks constants_;
  std::vector<Access> open_;  // since the last barrier
  std::vector<std::shared_ptr<const void>> kept_;
};

}  // namespace lophi::dml
