// Places in a program, "layer.7.mlp": interned for the life of the process, so that a call carries a number.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace lophi {

// The number of a path; 0 is the empty one. With the script's stack it is that of one of its lines there (lib/path.ts).
int intern_path(std::string_view path, std::string_view stack = {});
bool is_path(int64_t number);
const std::string& path_name(int path);

// What work that was enqueued has met, with the stack of the script where it called for it; empty where nobody asked for stacks.
class CallError : public Error {
 public:
  CallError(std::string code, const std::string& message, std::string stack)
      : Error(std::move(code), message), stack_(std::move(stack)) {}
  const std::string& stack() const { return stack_; }

 private:
  std::string stack_;
};

// The error with its place: " (in layer.7 on cpu)", or " (on cpu)" outside any path, and the stack that the place has.
CallError located(const Error& error, int path, std::string_view device);

}  // namespace lophi
