#include "dml/shader.h"

#include <deque>
#include <sstream>

#include "core/env.h"
#include "core/error.h"
#include "dml/check.h"
#include "dml/kernels.gen.h"
#include "dml/shaders.gen.h"

namespace lophi::dml {
namespace {

std::string text_of(ID3DBlob* blob) {
  return blob ? std::string(static_cast<const char*>(blob->GetBufferPointer()), blob->GetBufferSize()) : "";
}

constexpr const char* kTarget = "cs_5_1";

// Of a key, whose first word is the file's name.
const KernelSource& source_of(const std::string& key) {
  const std::string name = key.substr(0, key.find(' '));
  for (const KernelSource& kernel : kKernels)
    if (name == kernel.name) return kernel;
  throw Error("ERR_DRIVER", "dml: no kernel " + name + " is built in");
}

std::string shader_folder() {
  const std::string cache = env::cache();
  return cache.empty() ? cache : cache + "/shaders";
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
    : api_(api), cache_(shader_folder()), device_(std::move(device)), pipelines_(kShaderCount) {
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
        make(shader < kShaderCount ? key_of(kShaders[shader]) : made_[static_cast<size_t>(shader - kShaderCount)]);
  return pipeline.Get();
}

// Code for shader model 5.1 is the same for every adapter and driver.
ComPtr<ID3D12PipelineState> Shaders::make(const std::string& key) {
  D3D12_COMPUTE_PIPELINE_STATE_DESC desc{};
  desc.pRootSignature = signature_.Get();
  ComPtr<ID3D12PipelineState> pipeline;
  const auto from = [&](std::span<const std::byte> code) {
    desc.CS = {code.data(), code.size()};
    return device_->CreateComputePipelineState(&desc, IID_PPV_ARGS(&pipeline));
  };
  const std::string all = key + "\n" + kTarget + " -O3, " + api_.compiler + "\n" + kCommon + source_of(key).text;
  if (const auto kept = cache_.get(all); kept && SUCCEEDED(from(*kept))) return pipeline;
  const std::vector<std::byte> code = compile(key);
  check(from(code), ("ID3D12Device::CreateComputePipelineState of " + key).c_str(), device_.Get());
  cache_.put(all, code);
  return pipeline;
}

std::vector<std::byte> Shaders::compile(const std::string& key) const {
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
  const std::string text = std::string(kCommon) + source_of(key).text;
  ComPtr<ID3DBlob> code, errors;
  const HRESULT compiled = api_.compile(text.data(), text.size(), (name + ".hlsl").c_str(), defines.data(), nullptr,
                                        "main", kTarget, D3DCOMPILE_OPTIMIZATION_LEVEL3, 0, &code, &errors);
  check(compiled, ("D3DCompile of " + key + ": " + text_of(errors.Get())).c_str());
  const auto* first = static_cast<const std::byte*>(code->GetBufferPointer());
  return {first, first + code->GetBufferSize()};
}

}  // namespace lophi::dml
