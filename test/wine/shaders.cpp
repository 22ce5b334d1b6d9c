// shaders.exe D3DCOMPILER: compiles every instance of native/dml/shaders.gen.h for the shader model that it claims, and names those that
// do not compile.
#include <windows.h>

#include <d3dcompiler.h>

#include <cstdio>
#include <string>
#include <vector>

#include "dml/kernels.gen.h"
#include "dml/shaders.gen.h"

using namespace lophi::dml;

int main(int argc, char** argv) {
  const HMODULE library = argc > 1 ? LoadLibraryA(argv[1]) : nullptr;
  const auto compile = library ? reinterpret_cast<pD3DCompile>(GetProcAddress(library, "D3DCompile")) : nullptr;
  if (!compile) return std::puts("shaders: the compiler must be a DLL with D3DCompile"), 2;
  int refused = 0;
  size_t bytes = 0;
  for (const ShaderInstance& instance : kShaders) {
    std::string name = instance.file, text = kCommon;
    for (const KernelSource& kernel : kKernels)
      if (name == kernel.name) text += kernel.text;
    std::vector<D3D_SHADER_MACRO> defines;
    for (const ShaderDefine& define : instance.defines) {
      defines.push_back({define.name, define.value});
      if (!define.name) break;
      name += std::string(" ") + define.name + "=" + define.value;
    }
    ID3DBlob *code = nullptr, *errors = nullptr;
    const HRESULT result = compile(text.data(), text.size(), instance.file, defines.data(), nullptr, "main", "cs_5_1",
                                   D3DCOMPILE_OPTIMIZATION_LEVEL3, 0, &code, &errors);
    if (FAILED(result)) {
      ++refused;
      std::printf("REFUSED %s\n%s\n", name.c_str(), errors ? static_cast<char*>(errors->GetBufferPointer()) : "");
    } else {
      bytes += code->GetBufferSize();
      code->Release();
    }
    if (errors) errors->Release();
  }
  std::printf("%d of %d shaders compile for cs_5_1, %zu bytes of code\n", kShaderCount - refused, kShaderCount, bytes);
  return refused ? 1 : 0;
}
