#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace lophi {

// What a call may throw; `code` is one of the codes in lib/errors.ts.
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

// What is wrong with a file: ERR_FILE or ERR_FORMAT. The message begins with the file.
class FileError : public Error {
 public:
  FileError(std::string code, const std::string& file, const std::string& message)
      : Error(std::move(code), file + ": " + message), file_(file) {}
  const std::string& file() const { return file_; }

 private:
  std::string file_;
};

inline Error argument_error(const std::string& message) { return Error("ERR_ARGUMENT", message); }
inline Error shape_error(const std::string& message) { return Error("ERR_SHAPE", message); }
inline Error range_error(const std::string& message) { return Error("ERR_OUT_OF_RANGE", message); }

}  // namespace lophi
