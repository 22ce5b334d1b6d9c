#pragma once
#include <string>

#include "dml/abi.h"

namespace lophi::dml {

// Throws unless the call succeeded, naming it: ERR_DEVICE_LOST with the reason where the device is gone, ERR_OUT_OF_MEMORY,
// else ERR_DRIVER.
void check(HRESULT result, const char* call, ID3D12Device* device = nullptr);

// "0x887a0005 (DXGI_ERROR_DEVICE_REMOVED)"
std::string describe(HRESULT result);

}  // namespace lophi::dml
