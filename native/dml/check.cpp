#include "dml/check.h"

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "core/error.h"

namespace lophi::dml {
namespace {

const char* name_of(HRESULT result) {
  switch (result) {
    case DXGI_ERROR_DEVICE_REMOVED:
      return "DXGI_ERROR_DEVICE_REMOVED";
    case DXGI_ERROR_DEVICE_HUNG:
      return "DXGI_ERROR_DEVICE_HUNG";
    case DXGI_ERROR_DEVICE_RESET:
      return "DXGI_ERROR_DEVICE_RESET";
    case DXGI_ERROR_DRIVER_INTERNAL_ERROR:
      return "DXGI_ERROR_DRIVER_INTERNAL_ERROR";
    case DXGI_ERROR_INVALID_CALL:
      return "DXGI_ERROR_INVALID_CALL";
    case DXGI_ERROR_UNSUPPORTED:
      return "DXGI_ERROR_UNSUPPORTED";
    case E_INVALIDARG:
      return "E_INVALIDARG";
    case E_OUTOFMEMORY:
      return "E_OUTOFMEMORY";
    case E_NOTIMPL:
      return "E_NOTIMPL";
    case E_FAIL:
      return "E_FAIL";
    default:
      return nullptr;
  }
}

// What the debug layer has said since it was last asked, where it is on.
std::string messages_of(ID3D12Device* device) {
  ComPtr<ID3D12InfoQueue> queue;
  if (!device || FAILED(device->QueryInterface(IID_PPV_ARGS(&queue)))) return {};
  std::string all;
  for (UINT64 i = 0; i < queue->GetNumStoredMessages(); ++i) {
    SIZE_T bytes = 0;
    if (FAILED(queue->GetMessage(i, nullptr, &bytes))) continue;
    std::vector<std::max_align_t> memory(bytes / sizeof(std::max_align_t) + 1);
    auto* message = reinterpret_cast<D3D12_MESSAGE*>(memory.data());
    if (SUCCEEDED(queue->GetMessage(i, message, &bytes))) all += std::string("; ") + message->pDescription;
  }
  queue->ClearStoredMessages();
  return all;
}

}  // namespace

std::string describe(HRESULT result) {
  char code[16];
  std::snprintf(code, sizeof code, "0x%08lx", static_cast<unsigned long>(result));
  const char* name = name_of(result);
  return name ? std::string(code) + " (" + name + ")" : code;
}

void check(HRESULT result, const char* call, ID3D12Device* device) {
  if (SUCCEEDED(result)) return;
  const std::string what = std::string(call) + " failed with " + describe(result) + messages_of(device);
  switch (result) {
    case DXGI_ERROR_DEVICE_REMOVED:
    case DXGI_ERROR_DEVICE_HUNG:
    case DXGI_ERROR_DEVICE_RESET:
    case DXGI_ERROR_DRIVER_INTERNAL_ERROR: {
      const HRESULT reason = device ? device->GetDeviceRemovedReason() : S_OK;
      throw Error("ERR_DEVICE_LOST", what + (FAILED(reason) ? ", because of " + describe(reason) : ""));
    }
    case E_OUTOFMEMORY:
      throw Error("ERR_OUT_OF_MEMORY", what);
    default:
      throw Error("ERR_DRIVER", what);
  }
}

}  // namespace lophi::dml
