#include "dml/loader.h"

#include <cstring>
#include <filesystem>

#include "core/env.h"
#include "core/library.h"
#include "dml/check.h"

namespace lophi::dml {
namespace {

std::string utf8(const std::filesystem::path& path) {
  const auto text = path.u8string();
  return {text.begin(), text.end()};
}

std::filesystem::path file_of(HMODULE module) {
  wchar_t path[32768];
  const DWORD length = GetModuleFileNameW(module, path, static_cast<DWORD>(std::size(path)));
  return !length || length == std::size(path) ? std::filesystem::path() : std::filesystem::path(path);
}

std::filesystem::path addon() {
  HMODULE self = nullptr;
  constexpr DWORD kFlags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  if (!GetModuleHandleExW(kFlags, reinterpret_cast<LPCWSTR>(&addon), &self)) return {};
  return file_of(self);
}

// Empty where it is not there.
std::string beside_addon(const char* name) {
  const std::filesystem::path file = addon().replace_filename(name);
  std::error_code error;
  return std::filesystem::exists(file, error) ? utf8(file) : std::string();
}

// Of the node_modules that the addon would find: onnxruntime-node brings a DirectML.dll that is newer than most of Windows'.
std::string of_onnxruntime() {
#if defined(_M_ARM64) || defined(__aarch64__)
  constexpr const char* kArch = "arm64";
#else
  constexpr const char* kArch = "x64";
#endif
  std::filesystem::path folder = addon();
  while (folder.has_relative_path()) {
    folder = folder.parent_path();
    std::error_code error;
    for (const auto& napi : std::filesystem::directory_iterator(folder / "node_modules/onnxruntime-node/bin", error)) {
      const std::filesystem::path file = napi.path() / "win32" / kArch / "DirectML.dll";
      if (std::filesystem::exists(file, error)) return utf8(file);
    }
  }
  return {};
}

// What tells a loaded DLL from another version of it.
std::string identity(const wchar_t* name) {
  const std::filesystem::path file = file_of(GetModuleHandleW(name));
  if (file.empty()) return {};
  std::error_code error;
  return utf8(file) + " " + std::to_string(std::filesystem::file_size(file, error)) + " " +
         std::to_string(std::filesystem::last_write_time(file, error).time_since_epoch().count());
}

// "1.15.4.0", as the resources of a loaded DLL say; "unknown" where they say nothing.
std::string version_of(HMODULE module) {
  const HRSRC found = FindResourceW(module, MAKEINTRESOURCEW(VS_VERSION_INFO), MAKEINTRESOURCEW(16));
  const HGLOBAL loaded = found ? LoadResource(module, found) : nullptr;
  const auto* bytes = loaded ? static_cast<const std::byte*>(LockResource(loaded)) : nullptr;
  const size_t size = bytes ? SizeofResource(module, found) : 0;
  VS_FIXEDFILEINFO info;
  for (size_t at = 0; at + sizeof info <= size; at += sizeof(DWORD)) {  // behind a header of no fixed size
    std::memcpy(&info, bytes + at, sizeof info);
    if (info.dwSignature != VS_FFI_SIGNATURE) continue;
    const auto part = [](DWORD word, int shift) { return std::to_string(word >> shift & 0xffff); };
    return part(info.dwFileVersionMS, 16) + "." + part(info.dwFileVersionMS, 0) + "." + part(info.dwFileVersionLS, 16) +
           "." + part(info.dwFileVersionLS, 0);
  }
  return "unknown";
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
    find(dxgi, "CreateDXGIFactory1", api.create_factory, reason);
    find(d3d12, "D3D12CreateDevice", api.create_device, reason);
    find(d3d12, "D3D12GetDebugInterface", api.get_debug_interface, reason);
    find(d3d12, "D3D12SerializeRootSignature", api.serialize_root_signature, reason);
    find(compiler, "D3DCompile", api.compile, reason);
    if (compiler) api.compiler = identity(L"d3dcompiler_47.dll");
    if (reason.empty() && env::d3d12_debug()) {  // before there is any device
      ComPtr<ID3D12Debug> debug;
      if (const HRESULT result = api.get_debug_interface(IID_PPV_ARGS(&debug)); SUCCEEDED(result))
        debug->EnableDebugLayer();
      else
        reason = "LOPHI_D3D12_DEBUG: D3D12GetDebugInterface failed with " + describe(result) +
                 "; Windows' optional feature 'Graphics Tools' brings the debug layer";
    }
  }
};

struct LoadedDirectMl {
  DirectMl directml{};
  std::string reason;

  LoadedDirectMl() {
    std::string path = env::directml_dll();
    if (path.empty()) path = beside_addon("DirectML.dll");
    if (path.empty()) path = of_onnxruntime();
    if (path.empty()) path = "DirectML.dll";
    const Library* library = Library::open(path, reason);
    find(library, "DMLCreateDevice1", directml.create_device, reason);
    if (!library) return;
    const HMODULE module = GetModuleHandleW(std::filesystem::u8path(path).filename().c_str());
    directml.path = utf8(file_of(module));
    directml.version = version_of(module);
  }
};

}  // namespace

const Api* load(std::string& reason) {
  static const Loaded loaded;
  reason = loaded.reason;
  return reason.empty() ? &loaded.api : nullptr;
}

const DirectMl* load_directml(std::string& reason) {
  static const LoadedDirectMl loaded;
  reason = loaded.reason;
  return reason.empty() ? &loaded.directml : nullptr;
}

}  // namespace lophi::dml
