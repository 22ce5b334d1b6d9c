// HLSL kernels, compiled at run time for shader model 5.1 and kept on disk (LOPHI_CACHE). All share one root signature: constants and buffers, no descriptors.
#pragma once
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/disk_cache.h"
#include "dml/loader.h"

namespace lophi::dml {

inline constexpr UINT kConstants = 32;  // 32-bit root constants of a kernel
inline constexpr UINT kOperands = 12;   // buffers of a kernel, u0 on

struct Macro {
  const char* name;
  int value;
};

class Shaders {
 public:
  Shaders(const Api& api, ComPtr<ID3D12Device> device);
  ID3D12RootSignature* signature() const { return signature_.Get(); }
  // The shader of a number of shaders.gen.h or of number(); compiled at its first use.
  ID3D12PipelineState* pipeline(int shader);
  // A number for ops/<file>.hlsl with these macros: for what weights need, which is known when they are made.
  int number(const std::string& file, std::span<const Macro> macros);

 private:
  ComPtr<ID3D12PipelineState> make(const std::string& key);  // "binary OP=ADD TYPE=FLOAT32"
  std::vector<std::byte> compile(const std::string& key) const;

  const Api& api_;
  const DiskCache cache_;
  ComPtr<ID3D12Device> device_;
  ComPtr<ID3D12RootSignature> signature_;
  std::mutex mutex_;
  std::vector<ComPtr<ID3D12PipelineState>> pipelines_;  // by number
  // Those of number(), from kShaderCount on: "linear TYPE=0 LOW=4 ..."
  std::vector<std::string> made_;
  std::map<std::string, int> numbers_;
};

}  // namespace lophi::dml
