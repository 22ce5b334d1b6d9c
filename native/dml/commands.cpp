#include "dml/commands.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/fault.h"
#include "dml/check.h"
#include "dml/faults.h"
#include "dml/graph.h"

namespace lophi::dml {
namespace {

constexpr UINT kMaxGroups = 65535;
constexpr UINT kFirstConstant = 8;  // c0 and c1 hold the starts of the first operands
constexpr UINT kSite = 7;           // and the number of the call
constexpr D3D12_RESOURCE_STATES kUav = D3D12_RESOURCE_STATE_UNORDERED_ACCESS;

UINT64 address_of(const Buffer& buffer) {
  const Piece& piece = piece_of(buffer);
  return piece.resource->GetGPUVirtualAddress() + piece.offset;
}

}  // namespace

Commands::Commands(Gpu& gpu, Shared& shared)
    : gpu_(gpu), shared_(shared), constants_(gpu.device, D3D12_HEAP_TYPE_UPLOAD) {
  ID3D12Device* device = gpu.device.Get();
  constexpr auto kType = D3D12_COMMAND_LIST_TYPE_COMPUTE;
  check(device->CreateCommandAllocator(kType, IID_PPV_ARGS(&allocator_)), "ID3D12Device::CreateCommandAllocator",
        device);
  check(device->CreateCommandList(0, kType, allocator_.Get(), nullptr, IID_PPV_ARGS(&list_)),
        "ID3D12Device::CreateCommandList", device);
}

void Commands::release() { kept_.clear(); }

void Commands::reopen() {
  kernels_bound_ = heap_bound_ = false;
  open_.clear();
  check(allocator_->Reset(), "ID3D12CommandAllocator::Reset", gpu_.device.Get());
  check(list_->Reset(allocator_.Get(), nullptr), "ID3D12GraphicsCommandList::Reset", gpu_.device.Get());
}

ID3D12CommandList* Commands::close() {
  order();
  check(list_->Close(), "ID3D12GraphicsCommandList::Close", gpu_.device.Get());
  return list_.Get();
}

void Commands::order() {
  if (open_.empty()) return;
  D3D12_RESOURCE_BARRIER barrier{};
  barrier.Type = D3D12_RESOURCE_BARRIER_TYPE_UAV;
  list_->ResourceBarrier(1, &barrier);
  open_.clear();
}

void Commands::access(std::span<const Operand> operands) {
  const auto conflicts = [&](const Operand& o) {
    return std::ranges::any_of(open_, [&](const Access& a) {
      return a.buffer == o.buffer.get() && (a.written || o.written) && a.begin < o.offset + o.bytes && o.offset < a.end;
    });
  };
  if (std::ranges::any_of(operands, conflicts)) order();
  for (const Operand& o : operands) {
    if (!o.buffer) continue;
    // kernels touch whole words
    open_.push_back({o.buffer.get(), o.offset & ~size_t{3}, (o.offset + o.bytes + 3) & ~size_t{3}, o.written});
    shared_.in_uav.insert(resource_of(*o.buffer));
    keep(o.buffer);
  }
}

void Commands::kernel(int shader, std::span<const Operand> operands, std::span<const uint32_t> constants,
                      uint64_t groups, uint32_t rows, const Call* reporting) {
  if (groups == 0 || rows == 0) return;
  if (operands.size() > kOperands || constants.size() > kConstants - kFirstConstant ||
      groups > uint64_t{kMaxGroups} * kMaxGroups)
    throw range_error("dml: a kernel has too many operands, constants or groups");
  ID3D12PipelineState* pipeline = gpu_.shaders->pipeline(shader);
  access(operands);
  if (!kernels_bound_) list_->SetComputeRootSignature(gpu_.shaders->signature());
  kernels_bound_ = true;
  list_->SetPipelineState(pipeline);
  uint32_t values[kConstants] = {};
  for (UINT i = 0; i < operands.size(); ++i) {
    if (!operands[i].buffer) continue;
    if (i < kSite)
      values[i] = static_cast<uint32_t>(operands[i].offset & 3);
    else if (operands[i].offset & 3)
      throw range_error("dml: an operand of a kernel from the eighth on must begin at a whole word");
    const UINT64 address = address_of(*operands[i].buffer);
    list_->SetComputeRootUnorderedAccessView(1 + i, address + (operands[i].offset & ~UINT64{3}));
  }
  if (reporting) {
    values[kSite] = fault_site(*reporting);
    const std::shared_ptr<Buffer>& word = fault_word();
    list_->SetComputeRootUnorderedAccessView(1 + kOperands, address_of(*word));
  }
  std::ranges::copy(constants, values + kFirstConstant);
  list_->SetComputeRoot32BitConstants(0, kConstants, values, 0);
  const auto wide = static_cast<UINT>(std::min<uint64_t>(groups, kMaxGroups));
  list_->Dispatch(wide, static_cast<UINT>((groups + wide - 1) / wide), std::min(rows, kMaxGroups));
}

const std::shared_ptr<Buffer>& Commands::fault_word() {
  if (!shared_.faults) shared_.faults = make_fault_word(gpu_);
  shared_.may_report = true;
  shared_.in_uav.insert(resource_of(*shared_.faults));
  keep(shared_.faults);
  return shared_.faults;
}

void Commands::bind(DirectMlDevice& directml, IDMLDispatchable* dispatchable, const DML_BINDING_PROPERTIES& properties,
                    const std::shared_ptr<Buffer>& persistent, const Operand& temporary,
                    std::span<const Operand> inputs, const Operand* output) {
  const auto range = directml.descriptors->take(std::max(1u, properties.RequiredDescriptorCount));
  keep(range);
  DML_BINDING_TABLE_DESC desc{dispatchable, range->cpu, range->gpu, range->count};
  ComPtr<IDMLBindingTable> table;
  check(directml.dml->CreateBindingTable(&desc, IID_PPV_ARGS(&table)), "IDMLDevice::CreateBindingTable",
        gpu_.device.Get());

  std::vector<DML_BUFFER_BINDING> buffers(inputs.size() + 1);
  std::vector<DML_BINDING_DESC> bindings;
  const auto buffer_of = [](const Operand& o) {
    // DirectML counts in words
    const Piece& piece = piece_of(*o.buffer);
    return DML_BUFFER_BINDING{piece.resource.Get(), piece.offset + o.offset, (o.bytes + 3) & ~size_t{3}};
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    buffers[i] = buffer_of(inputs[i]);
    bindings.push_back({DML_BINDING_TYPE_BUFFER, &buffers[i]});
  }
  if (!bindings.empty()) table->BindInputs(static_cast<UINT>(bindings.size()), bindings.data());
  DML_BUFFER_BINDING whole{};
  const auto bind_whole = [&](const std::shared_ptr<Buffer>& buffer, UINT64 bytes) {
    keep(buffer);
    whole = {resource_of(*buffer), piece_of(*buffer).offset, bytes};
    shared_.in_uav.insert(whole.Buffer);
    return DML_BINDING_DESC{DML_BINDING_TYPE_BUFFER, &whole};
  };
  if (properties.TemporaryResourceSize) {
    const Piece& piece = piece_of(*temporary.buffer);
    const DML_BUFFER_BINDING buffer{piece.resource.Get(), piece.offset + temporary.offset,
                                    properties.TemporaryResourceSize};
    const DML_BINDING_DESC binding{DML_BINDING_TYPE_BUFFER, &buffer};
    table->BindTemporaryResource(&binding);
  }
  if (!output) {
    DML_BINDING_DESC binding{DML_BINDING_TYPE_NONE, nullptr};
    if (persistent) binding = bind_whole(persistent, persistent->bytes);
    table->BindOutputs(1, &binding);
  } else {
    if (persistent) {
      const DML_BINDING_DESC binding = bind_whole(persistent, persistent->bytes);
      table->BindPersistentResource(&binding);
    }
    buffers.back() = buffer_of(*output);
    const DML_BINDING_DESC binding{DML_BINDING_TYPE_BUFFER, &buffers.back()};
    table->BindOutputs(1, &binding);
  }
  if (!heap_bound_) {
    ID3D12DescriptorHeap* heap = directml.descriptors->heap();
    list_->SetDescriptorHeaps(1, &heap);
    heap_bound_ = true;
  }
  directml.graphs.dispatch(list_.Get(), dispatchable, table.Get());
  kernels_bound_ = false;  // DirectML sets a root signature of its own
}

void Commands::graph(DirectMlDevice& directml, std::shared_ptr<const CompiledGraph> graph,
                     std::span<const Operand> inputs, const Operand& output, const Operand& temporary) {
  std::vector<Operand> operands(inputs.begin(), inputs.end());
  operands.push_back(output);
  if (temporary.bytes) operands.push_back(temporary);
  access(operands);
  bind(directml, graph->compiled.Get(), graph->properties, graph->persistent, temporary, inputs, &output);
  keep(std::move(graph));
}

void Commands::initialize(DirectMlDevice& directml, IDMLOperatorInitializer* initializer,
                          const std::shared_ptr<Buffer>& persistent) {
  const DML_BINDING_PROPERTIES properties = binding_properties(initializer);
  Operand temporary{nullptr, 0, properties.TemporaryResourceSize, true};
  if (temporary.bytes) {
    temporary.buffer = gpu_.memory->alloc(temporary.bytes);
    access({&temporary, 1});
  }
  bind(directml, initializer, properties, persistent, temporary, {}, nullptr);
}

void Commands::copy(ID3D12Resource* tensor, D3D12_RESOURCE_STATES state, const std::function<void()>& record) {
  D3D12_RESOURCE_BARRIER barrier{};
  barrier.Type = D3D12_RESOURCE_BARRIER_TYPE_TRANSITION;
  barrier.Transition = {tensor, 0, kUav, state};
  // untouched in this submission, it is in COMMON and the copy promotes it
  if (shared_.in_uav.contains(tensor)) list_->ResourceBarrier(1, &barrier);
  record();
  barrier.Transition = {tensor, 0, state, kUav};
  list_->ResourceBarrier(1, &barrier);
  shared_.in_uav.insert(tensor);
}

void Commands::upload(const View& to, ID3D12Resource* from, size_t offset) {
  order();
  keep(to.buffer);
  ID3D12Resource* tensor = resource_of(*to.buffer);
  copy(tensor, D3D12_RESOURCE_STATE_COPY_DEST,
       [&] { list_->CopyBufferRegion(tensor, piece_of(*to.buffer).offset + to.offset, from, offset, to.bytes()); });
}

void Commands::constant(const View& to, std::span<const std::byte> bytes) {
  const Chunks::Place place = constants_.take(bytes.size());
  std::memcpy(place.data(), bytes.data(), bytes.size());
  keep(place.chunk);
  upload(to, place.chunk->resource.Get(), place.offset);
}

void Commands::download(ID3D12Resource* to, size_t offset, const View& from) {
  order();
  keep(from.buffer);
  ID3D12Resource* tensor = resource_of(*from.buffer);
  copy(tensor, D3D12_RESOURCE_STATE_COPY_SOURCE,
       [&] { list_->CopyBufferRegion(to, offset, tensor, piece_of(*from.buffer).offset + from.offset, from.bytes()); });
}

}  // namespace lophi::dml
