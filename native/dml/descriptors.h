// The one shader-visible descriptor heap of a device, handed out in ranges to DirectML's binding tables.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "dml/abi.h"

namespace lophi::dml {

class Descriptors : public std::enable_shared_from_this<Descriptors> {
 public:
  struct Range {
    D3D12_CPU_DESCRIPTOR_HANDLE cpu{};
    D3D12_GPU_DESCRIPTOR_HANDLE gpu{};
    UINT first = 0, count = 0;
    std::shared_ptr<Descriptors> owner;
    ~Range() { owner->release(first); }
  };

  explicit Descriptors(ComPtr<ID3D12Device> device);
  ID3D12DescriptorHeap* heap() const { return heap_.Get(); }
  std::shared_ptr<const Range> take(UINT count);  // throws ERR_OUT_OF_MEMORY

 private:
  void release(UINT first);

  ComPtr<ID3D12DescriptorHeap> heap_;
  UINT stride_;
  std::mutex mutex_;
  std::map<UINT, UINT> taken_;  // first -> count
};

}  // namespace lophi::dml
