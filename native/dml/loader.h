// The DLLs of Direct3D and DirectML, opened at run time.
#pragma once
#include <string>

#include "dml/abi.h"

namespace lophi::dml {

struct Api {
  HRESULT(WINAPI* create_factory)(REFIID, void**);
  PFN_D3D12_CREATE_DEVICE create_device;
  PFN_D3D12_GET_DEBUG_INTERFACE get_debug_interface;
  HRESULT(WINAPI* serialize_root_signature)(const D3D12_ROOT_SIGNATURE_DESC*, D3D_ROOT_SIGNATURE_VERSION, ID3DBlob**,
                                            ID3DBlob**);
  pD3DCompile compile;
  std::string compiler;  // path, size and time of d3dcompiler_47.dll
};

// null, with the reason, where one is missing. d3dcompiler_47.dll: beside the addon, else Windows' own.
const Api* load(std::string& reason);

// Graphs of users need it; ops do not.
struct DirectMl {
  HRESULT(WINAPI* create_device)(ID3D12Device*, DML_CREATE_DEVICE_FLAGS, DML_FEATURE_LEVEL, REFIID, void**);
  std::string path, version;
};

// Opened when it is first asked for; null, with the reason, where there is none. The first there is of: LOPHI_DIRECTML_DLL (nothing else is
// tried then), beside the addon, that of an installed onnxruntime-node, Windows' own.
const DirectMl* load_directml(std::string& reason);

}  // namespace lophi::dml
