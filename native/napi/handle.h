// Native objects as JavaScript values: tagged externals, so that a wrong object is an error and not a crash.
#pragma once
#include <napi.h>

#include <memory>
#include <string>
#include <utility>

#include "core/error.h"

namespace lophi::js {

// Memory that a JavaScript value holds outside V8's heap. V8 is told of it, so that it collects in time.
class ExternalMemory {
 public:
  ExternalMemory() = default;
  ExternalMemory(Napi::Env env, size_t bytes) : env_(env), bytes_(static_cast<int64_t>(bytes)) { tell(bytes_); }
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

// Wraps `object`; JavaScript's garbage collector destroys it. T::kTag tells the kinds apart.
template <class T>
Napi::Value wrap(Napi::Env env, std::unique_ptr<T> object) {
  auto external = Napi::External<T>::New(env, object.get(), [](Napi::BasicEnv, T* dying) { delete dying; });
  object.release();
  external.TypeTag(&T::kTag);
  return external;
}

template <class T>
T& unwrap(const Napi::Value& value) {
  if (!value.IsExternal()) throw argument_error(std::string(T::kName) + ": must be given, but it is no native object");
  const auto external = value.As<Napi::External<T>>();
  if (!external.CheckTypeTag(&T::kTag))
    throw argument_error(std::string(T::kName) + ": must be given, but the object is of another kind");
  return *external.Data();
}

}  // namespace lophi::js
