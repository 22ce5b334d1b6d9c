// A shared library opened at run time: drivers and compilers that may be missing.
#pragma once
#include <memory>
#include <string>

namespace lophi {

class Library {
 public:
  // A full path, or a name for the system's search. Null, with the loader's reason, where it does not load. Never unloaded:
  // drivers keep threads of their own.
  static const Library* open(const std::string& path, std::string& reason);

  void* symbol(const char* name) const;  // null where there is none
  const std::string& path() const { return path_; }

 private:
  Library(std::string path, void* handle) : path_(std::move(path)), handle_(handle) {}
  std::string path_;
  void* handle_;
};

}  // namespace lophi
