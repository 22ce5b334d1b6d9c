#include "napi/error.h"

#include <new>

#include "core/path.h"
#include "napi/addon.h"

namespace lophi::js {

Napi::Value set_error_factory(const Napi::CallbackInfo& info) {
  addon_of(info.Env()).error_factory = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

Napi::Value error_value(Napi::Env env, std::exception_ptr exception) {
  std::string code = "ERR_ARGUMENT", message, file, stack;
  try {
    std::rethrow_exception(exception);
  } catch (const FileError& error) {
    code = error.code();
    message = error.what();
    file = error.file();
  } catch (const CallError& error) {
    code = error.code();
    message = error.what();
    stack = error.stack();
  } catch (const Error& error) {
    code = error.code();
    message = error.what();
  } catch (const std::bad_alloc&) {
    code = "ERR_OUT_OF_MEMORY";
    message = "the machine has no memory left";
  } catch (const std::exception& error) {
    message = std::string("internal error: ") + error.what();
  }
  return addon_of(env).error_factory.Call({Napi::String::New(env, code), Napi::String::New(env, message),
                                           Napi::String::New(env, file), Napi::String::New(env, stack)});
}

}  // namespace lophi::js
