// The DLLs of Direct3D and DirectML, opened at run time.
#pragma once
#include <string>

#include "dml/abi.h"

namespace lophi::dml {

struct Api {
  HRESULT(WINAPI* create_factory)(REFIID, void**);
  PFN_D3D12_CREATE_DEVICE create_device;
  HRESULT(WINAPI* serialize_root_signature)(const D3D12_ROOT_SIGNATURE_DESC*, D3D_ROOT_SIGNATURE_VERSION, ID3DBlob**,
                                            ID3DBlob**);
  HRESULT(WINAPI* create_dml_device)(ID3D12Device*, DML_CREATE_DEVICE_FLAGS, DML_FEATURE_LEVEL, REFIID, void**);
  pD3DCompile compile;
  std::string directml;  // path of the DLL that was taken
  std::string compiler;  // path, size and time of d3dcompiler_47.dll
};

// null, with the reason, where one is missing. DirectML.dll: LOPHI_DIRECTML_DLL if set, else beside the addon, else Windows' own;
// d3dcompiler_47.dll: beside the addon, else Windows' own.
const Api* load(std::string& reason);

}  // namespace lophi::dml
