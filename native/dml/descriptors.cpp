#include "dml/descriptors.h"

#include "core/error.h"
#include "dml/check.h"

namespace lophi::dml {
namespace {

constexpr UINT kDescriptors = 16384;

}  // namespace

Descriptors::Descriptors(ComPtr<ID3D12Device> device) {
  D3D12_DESCRIPTOR_HEAP_DESC desc{};
  desc.Type = D3D12_DESCRIPTOR_HEAP_TYPE_CBV_SRV_UAV;
  desc.NumDescriptors = kDescriptors;
  desc.Flags = D3D12_DESCRIPTOR_HEAP_FLAG_SHADER_VISIBLE;
  check(device->CreateDescriptorHeap(&desc, IID_PPV_ARGS(&heap_)), "ID3D12Device::CreateDescriptorHeap", device.Get());
  stride_ = device->GetDescriptorHandleIncrementSize(desc.Type);
}

std::shared_ptr<const Descriptors::Range> Descriptors::take(UINT count) {
  const std::lock_guard lock(mutex_);
  UINT first = 0;
  for (const auto& [start, size] : taken_) {
    if (first + count <= start) break;
    first = start + size;
  }
  if (first + count > kDescriptors)
    throw Error("ERR_OUT_OF_MEMORY", "dml: " + std::to_string(count) + " descriptors must be free, but " +
                                         std::to_string(taken_.size()) + " graphs hold all " +
                                         std::to_string(kDescriptors));
  taken_[first] = count;
  auto range = std::make_shared<Range>();
  range->cpu.ptr = heap_->GetCPUDescriptorHandleForHeapStart().ptr + SIZE_T{first} * stride_;
  range->gpu.ptr = heap_->GetGPUDescriptorHandleForHeapStart().ptr + UINT64{first} * stride_;
  range->first = first;
  range->count = count;
  range->owner = shared_from_this();
  return range;
}

void Descriptors::release(UINT first) {
  const std::lock_guard lock(mutex_);
  taken_.erase(first);
}

}  // namespace lophi::dml
