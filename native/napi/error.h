// The boundary: what C++ throws becomes the package's own error classes.
#pragma once
#include <napi.h>

#include <exception>

namespace lophi::js {

// Makes the JavaScript error for an exception, through the factory that lib/native.ts registered.
Napi::Value error_value(Napi::Env env, std::exception_ptr exception);

Napi::Value set_error_factory(const Napi::CallbackInfo& info);

// Every exported function passes through here.
template <Napi::Value (*F)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return F(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw Napi::Error(info.Env(), error_value(info.Env(), std::current_exception()));
  }
}

}  // namespace lophi::js
