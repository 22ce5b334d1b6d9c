#include "core/library.h"

#ifdef _WIN32
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include <filesystem>
#include <system_error>
#else
#include <dlfcn.h>
#endif

namespace lophi {

#ifdef _WIN32

const Library* Library::open(const std::string& path, std::string& reason) {
  const std::filesystem::path wide = std::filesystem::u8path(path);
  // A bare name is taken from the system's folder only, never from the working directory.
  const DWORD flags = wide.has_parent_path() ? LOAD_WITH_ALTERED_SEARCH_PATH : LOAD_LIBRARY_SEARCH_SYSTEM32;
  if (const HMODULE handle = LoadLibraryExW(wide.c_str(), nullptr, flags))
    return new Library(path, reinterpret_cast<void*>(handle));
  reason = path + ": " + std::system_category().message(static_cast<int>(GetLastError()));
  return nullptr;
}

void* Library::symbol(const char* name) const {
  return reinterpret_cast<void*>(GetProcAddress(reinterpret_cast<HMODULE>(handle_), name));
}

#else

const Library* Library::open(const std::string& path, std::string& reason) {
  if (void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return new Library(path, handle);
  const char* error = dlerror();
  reason = error ? error : path + ": cannot be loaded";
  return nullptr;
}

void* Library::symbol(const char* name) const { return dlsym(handle_, name); }

#endif

}  // namespace lophi
