// HLSL kernels, compiled at run time for shader model 5.1. All share one root signature: constants and buffers, no descriptors.
#pragma once
#include <mutex>
#include <span>
#include <string>

#include "core/lru.h"
#include "dml/loader.h"

namespace lophi::dml {

inline constexpr UINT kConstants = 32;  // 32-bit root constants of a kernel
inline constexpr UINT kOperands = 6;    // buffers of a kernel, u0 on

struct Macro {
  const char* name;
  int value;
};

class Shaders {
 public:
  static constexpr size_t kMaxPipelines = 1024;
  Shaders(const Api& api, ComPtr<ID3D12Device> device);
  ID3D12RootSignature* signature() const { return signature_.Get(); }
  // native/dml/ops/<name>.hlsl with these macros; compiled once per device.
  ComPtr<ID3D12PipelineState> pipeline(const std::string& name, std::span<const Macro> macros);

 private:
  const Api& api_;
  ComPtr<ID3D12Device> device_;
  ComPtr<ID3D12RootSignature> signature_;
  ComPtr<ID3D12PipelineState> compile(const std::string& name, std::span<const Macro> macros, const std::string& key);

  std::mutex mutex_;
  LruCache<std::string, ComPtr<ID3D12PipelineState>> pipelines_{kMaxPipelines};
};

}  // namespace lophi::dml
