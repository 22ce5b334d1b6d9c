// Native objects as JavaScript values: externals whose objects are known, so that a wrong object is an error and not a crash.
#pragma once
#include <napi.h>

#include <memory>
#include <string>
#include <utility>

#include "core/error.h"

namespace lophi::js {

// Memory that a JavaScript value holds outside V8's heap. V8 is told of it, so that it collects in time; what is smaller than
// the objects around it is not worth the telling.
class ExternalMemory {
 public:
  ExternalMemory() = default;
  ExternalMemory(Napi::Env env, size_t bytes) : env_(env), bytes_(bytes < 4096 ? 0 : static_cast<int64_t>(bytes)) {
    tell(bytes_);
  }
  ~ExternalMemory() { drop(); }
  ExternalMemory(const ExternalMemory&) = delete;
  ExternalMemory& operator=(const ExternalMemory&) = delete;
  void drop() { tell(-std::exchange(bytes_, 0)); }  // idempotent

 private:
  void tell(int64_t change) const {
    if (change) Napi::MemoryManagement::AdjustExternalMemory(Napi::BasicEnv(env_), change);
  }
  napi_env env_ = nullptr;
  int64_t bytes_ = 0;
};

// A kind of object: the address of its tag.
using Kind = const char*;
template <class T>
inline constexpr char kTag = 0;

// Every live object that a JavaScript value stands for. Any thread.
namespace handles {
void add(const void* object, Kind kind);
void remove(const void* object);
Kind kind_of(const void* object);  // null: none of ours
}  // namespace handles

// Wraps `object`; JavaScript's garbage collector destroys it.
template <class T>
Napi::Value wrap(Napi::Env env, std::unique_ptr<T> object) {
  const auto destroy = [](napi_env, void* dying, void*) {
    handles::remove(dying);
    delete static_cast<T*>(dying);
  };
  napi_value value;
  if (napi_create_external(env, object.get(), destroy, nullptr, &value) != napi_ok) throw Napi::Error::New(env);
  handles::add(object.release(), &kTag<T>);
  return {env, value};
}

// The object and its kind; null for a value that is none of ours.
inline std::pair<void*, Kind> handle_of(const Napi::Value& value) {
  void* object = nullptr;
  if (napi_get_value_external(value.Env(), value, &object) != napi_ok) return {nullptr, nullptr};
  return {object, handles::kind_of(object)};
}

template <class T>
T& unwrap(const Napi::Value& value) {
  const auto [object, kind] = handle_of(value);
  if (!object) throw argument_error(std::string(T::kName) + ": must be given, but it is no native object");
  if (kind != &kTag<T>)
    throw argument_error(std::string(T::kName) + ": must be given, but the object is of another kind");
  return *static_cast<T*>(object);
}

}  // namespace lophi::js
