#include "dml/shader.h"

#include <vector>

#include "core/error.h"
#include "dml/check.h"
#include "dml/kernels.gen.h"

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

}  // namespace

Shaders::Shaders(const Api& api, ComPtr<ID3D12Device> device) : api_(api), device_(std::move(device)) {
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

ComPtr<ID3D12PipelineState> Shaders::pipeline(const std::string& name, std::span<const Macro> macros) {
  std::string key = name;
  for (const Macro& macro : macros) key += std::string(" ") + macro.name + "=" + std::to_string(macro.value);
  const std::lock_guard lock(mutex_);
  return pipelines_.get(key, [&] { return compile(name, macros, key); });
}

ComPtr<ID3D12PipelineState> Shaders::compile(const std::string& name, std::span<const Macro> macros,
                                             const std::string& key) {
  std::vector<std::string> values;
  for (const Macro& macro : macros) values.push_back(std::to_string(macro.value));
  std::vector<D3D_SHADER_MACRO> defines;
  for (size_t i = 0; i < values.size(); ++i) defines.push_back({macros[i].name, values[i].c_str()});
  defines.push_back({nullptr, nullptr});
  const std::string text = std::string(kCommon) + source_of(name).text;
  ComPtr<ID3DBlob> code, errors;
  const HRESULT compiled = api_.compile(text.data(), text.size(), (name + ".hlsl").c_str(), defines.data(), nullptr,
                                        "main", "cs_5_1", D3DCOMPILE_OPTIMIZATION_LEVEL3, 0, &code, &errors);
  check(compiled, ("D3DCompile of " + key + ": " + text_of(errors.Get())).c_str());
  D3D12_COMPUTE_PIPELINE_STATE_DESC desc{};
  desc.pRootSignature = signature_.Get();
  ComPtr<ID3D12PipelineState> pipeline;
  desc.CS = {code->GetBufferPointer(), code->GetBufferSize()};
  check(device_->CreateComputePipelineState(&desc, IID_PPV_ARGS(&pipeline)),
        ("ID3D12Device::CreateComputePipelineState of " + key).c_str(), device_.Get());
  return pipeline;
}

}  // namespace lophi::dml
