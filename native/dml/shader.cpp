#include "dml/shader.h"

#include <deque>
#include <sstream>

#include "core/error.h"
#include "dml/check.h"
#include "dml/kernels.gen.h"
#include "dml/shaders.gen.h"

namespace lophi::dml {
namespace {

std::string text_of(ID3DBlob* blob) {
  return blob ? std::string(static_cast<const char*>(blob->GetBufferPointer()), blob->GetBufferSize()) : "";
}

const KernelSource& source_of(const std::string& name) {
  for (const KernelSource& kernel : kKernels)
    if (name == kernel.name) return kernel;
  throw Error("ERR_DRIVER", "dml: no kernel " + name + " is built in");
}

std::string key_of(const ShaderInstance& instance) {
  std::string key = instance.file;
  for (const ShaderDefine& define : instance.defines) {
    if (!define.name) break;
    key += std::string(" ") + define.name + "=" + define.value;
  }
  return key;
}

}  // namespace

Shaders::Shaders(const Api& api, ComPtr<ID3D12Device> device)
    : api_(api), device_(std::move(device)), pipelines_(kShaderCount) {
  D3D12_ROOT_PARAMETER parameters[2 + kOperands]{};
  parameters[0].ParameterType = D3D12_ROOT_PARAMETER_TYPE_32BIT_CONSTANTS;
  parameters[0].Constants.Num32BitValues = kConstants;
  for (UINT i = 0; i <= kOperands; ++i) {  // the last: the fault word
    parameters[1 + i].ParameterType = D3D12_ROOT_PARAMETER_TYPE_UAV;
    parameters[1 + i].Descriptor.ShaderRegister = i;
  }
  D3D12_ROOT_SIGNATURE_DESC desc{};
  desc.NumParameters = static_cast<UINT>(std::size(parameters));
  desc.pParameters = parameters;
  ComPtr<ID3DBlob> blob, errors;
  const HRESULT result = api.serialize_root_signature(&desc, D3D_ROOT_SIGNATURE_VERSION_1, &blob, &errors);
  check(result, ("D3D12SerializeRootSignature " + text_of(errors.Get())).c_str());
  check(device_->CreateRootSignature(0, blob->GetBufferPointer(), blob->GetBufferSize(), IID_PPV_ARGS(&signature_)),
        "ID3D12Device::CreateRootSignature", device_.Get());
}

int Shaders::number(const std::string& file, std::span<const Macro> macros) {
  std::string key = file;
  for (const Macro& macro : macros) key += std::string(" ") + macro.name + "=" + std::to_string(macro.value);
  const std::lock_guard lock(mutex_);
  const auto [known, fresh] = numbers_.emplace(key, static_cast<int>(pipelines_.size()));
  if (fresh) {
    made_.push_back(std::move(key));
    pipelines_.emplace_back();
  }
  return known->second;
}

ID3D12PipelineState* Shaders::pipeline(int shader) {
  const std::lock_guard lock(mutex_);
  ComPtr<ID3D12PipelineState>& pipeline = pipelines_[static_cast<size_t>(shader)];
  if (!pipeline)
    pipeline =
        compile(shader < kShaderCount ? key_of(kShaders[shader]) : made_[static_cast<size_t>(shader - kShaderCount)]);
  return pipeline.Get();
}

ComPtr<ID3D12PipelineState> Shaders::compile(const std::string& key) {
  std::istringstream words(key);
  std::string name, word;
  words >> name;
  std::deque<std::pair<std::string, std::string>> texts;  // stay where they are while `defines` points to them
  std::vector<D3D_SHADER_MACRO> defines;
  while (words >> word) {
    const size_t equals = word.find('=');
    const auto& [macro, value] = texts.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    defines.push_back({macro.c_str(), value.c_str()});
  }
  defines.push_back({nullptr, nullptr});
  const std::string text = std::string(kCommon) + source_of(name).text;
  ComPtr<ID3DBlob> code, errors;
  const HRESULT compiled = api_.compile(text.data(), text.size(), (name + ".hlsl").c_str(), defines.data(), nullptr,
                                        "main", "cs_5_1", D3DCOMPILE_OPTIMIZATION_LEVEL3, 0, &code, &errors);
  check(compiled, ("D3DCompile of " + key + ": " + text_of(errors.Get())).c_str());
  D3D12_COMPUTE_PIPELINE_STATE_DESC desc{};
  desc.pRootSignature = signature_.Get();
  desc.CS = {code->GetBufferPointer(), code->GetBufferSize()};
  ComPtr<ID3D12PipelineState> pipeline;
  check(device_->CreateComputePipelineState(&desc, IID_PPV_ARGS(&pipeline)),
        ("ID3D12Device::CreateComputePipelineState of " + key).c_str(), device_.Get());
  return pipeline;
}

}  // namespace lophi::dml
