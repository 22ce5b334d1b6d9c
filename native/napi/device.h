#pragma once
#include <napi.h>

#include <memory>

#include "core/backend.h"
#include "core/plan.h"
#include "napi/addon.h"
#include "napi/handle.h"
#include "napi/promise.h"

namespace lophi::js {

class Landing;

// What crossed the border, for tests and docs: calls into native code, plans replayed, bytes read back.
struct Counters {
  double calls = 0, replays = 0, bytes_read = 0;
};

// One device in one environment: its stream, its waiter and what is being recorded. JS thread only, but for the stream's wait().
struct DeviceState : std::enable_shared_from_this<DeviceState> {
  std::shared_ptr<Device> device;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Waiter> waiter;      // destroyed before the stream that it waits on
  std::unique_ptr<Recorder> recorder;  // set while a plan is recorded
  Counters counters;
  std::string id;

  // Everything enqueued so far has run, and arrived where it lands; the error of any of it is thrown there.
  Napi::Promise settled(Napi::Env env, Waiter::Result result, std::shared_ptr<Landing> landing = nullptr);
  void must_not_record(const char* what) const;  // throws ERR_RECORDING
};

struct DeviceHandle {
  static constexpr const char* kName = "device";
  std::shared_ptr<DeviceState> state;  // null once closed
};

// The state behind a handle, counting the call; throws ERR_DISPOSED.
DeviceState& device_of(const Napi::Value& value);
std::shared_ptr<DeviceState> shared_device_of(const Napi::Value& value);

// This environment's thread for what takes long and belongs to no stream: opening devices, making weights.
Waiter& loader_of(Napi::Env env);

// Integers from JavaScript: whole, and exact.
int64_t integer_of(const Napi::Value& value, const char* what);
Shape shape_of(const Napi::Value& value);
DType dtype_of(const Napi::Value& value);
std::span<const std::byte> bytes_of(const Napi::Value& value);  // a Uint8Array
Bytes copy_bytes(std::span<const std::byte> from);

}  // namespace lophi::js
