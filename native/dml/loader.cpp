#include "dml/loader.h"

#include <filesystem>
#include <mutex>

#include "core/env.h"
#include "core/library.h"

namespace lophi::dml {
namespace {

std::string beside_addon(const char* name) {
  HMODULE self = nullptr;
  wchar_t path[32768];
  constexpr DWORD kFlags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  if (!GetModuleHandleExW(kFlags, reinterpret_cast<LPCWSTR>(&beside_addon), &self)) return {};
  const DWORD length = GetModuleFileNameW(self, path, static_cast<DWORD>(std::size(path)));
  if (!length || length == std::size(path)) return {};
  const auto file = std::filesystem::path(path).replace_filename(name);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return {};
  const auto utf8 = file.u8string();
  return {utf8.begin(), utf8.end()};
}

// What tells a loaded DLL from another version of it.
std::string identity(const wchar_t* name) {
  wchar_t path[32768];
  const DWORD length = GetModuleFileNameW(GetModuleHandleW(name), path, static_cast<DWORD>(std::size(path)));
  if (!length || length == std::size(path)) return {};
  std::error_code error;
  const std::filesystem::path file(path);
  const auto utf8 = file.u8string();
  return std::string(utf8.begin(), utf8.end()) + " " + std::to_string(std::filesystem::file_size(file, error)) + " " +
         std::to_string(std::filesystem::last_write_time(file, error).time_since_epoch().count());
}

const Library* open(const char* name, std::string& reason) {
  const std::string beside = beside_addon(name);
  return Library::open(beside.empty() ? name : beside, reason);
}

template <class F>
void find(const Library* library, const char* name, F& function, std::string& reason) {
  if (!library || !reason.empty()) return;
  function = reinterpret_cast<F>(library->symbol(name));
  if (!function) reason = library->path() + " has no " + name;
}

struct Loaded {
  Api api{};
  std::string reason;

  Loaded() {
    const Library* dxgi = Library::open("dxgi.dll", reason);
    const Library* d3d12 = dxgi ? Library::open("d3d12.dll", reason) : nullptr;
    const Library* compiler = d3d12 ? open("d3dcompiler_47.dll", reason) : nullptr;
    const std::string chosen = env::directml_dll();
    const Library* directml = !compiler        ? nullptr
                              : chosen.empty() ? open("DirectML.dll", reason)
                                               : Library::open(chosen, reason);
    find(dxgi, "CreateDXGIFactory1", api.create_factory, reason);
    find(d3d12, "D3D12CreateDevice", api.create_device, reason);
    find(d3d12, "D3D12SerializeRootSignature", api.serialize_root_signature, reason);
    find(compiler, "D3DCompile", api.compile, reason);
    find(directml, "DMLCreateDevice1", api.create_dml_device, reason);
    if (directml) api.directml = directml->path();
    if (compiler) api.compiler = identity(L"d3dcompiler_47.dll");
  }
};

}  // namespace

const Api* load(std::string& reason) {
  static const Loaded loaded;
  reason = loaded.reason;
  return reason.empty() ? &loaded.api : nullptr;
}

}  // namespace lophi::dml
