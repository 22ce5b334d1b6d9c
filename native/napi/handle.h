// Native objects as JavaScript values: tagged externals, so that a wrong object is an error and not a crash.
#pragma once
#include <napi.h>

#include <memory>
#include <string>

#include "core/error.h"

namespace lophi::js {

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
