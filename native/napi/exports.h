// The functions that addon.cpp exports, flat; lib/native.ts declares the same list in TypeScript.
#pragma once
#include <napi.h>

namespace lophi::js {

using Info = const Napi::CallbackInfo&;

// device.cpp
Napi::Value set_environment(Info);
Napi::Value set_image_names(Info);
Napi::Value list_devices(Info);
Napi::Value open_device(Info);
Napi::Value device_info(Info);
Napi::Value device_memory(Info);
Napi::Value device_counters(Info);
Napi::Value sync_device(Info);
Napi::Value close_device(Info);
// tensor.cpp
Napi::Value create_tensor(Info);
Napi::Value view_tensor(Info);
Napi::Value write_tensor(Info);
Napi::Value read_tensor(Info);
Napi::Value read_tensor_sync(Info);
Napi::Value dispose_tensor(Info);
// weight.cpp
Napi::Value create_weight(Info);
Napi::Value create_weight_sync(Info);
Napi::Value read_rows(Info);
Napi::Value read_rows_sync(Info);
Napi::Value check_files(Info);
Napi::Value dispose_weight(Info);
// run.cpp
Napi::Value set_reply(Info);
Napi::Value run_op(Info);
Napi::Value describe_ops(Info);
Napi::Value parse_op(Info);
Napi::Value missing_ops(Info);
Napi::Value intern_path(Info);
// plan.cpp
Napi::Value begin_recording(Info);
Napi::Value end_recording(Info);
Napi::Value cancel_recording(Info);
Napi::Value run_plan(Info);
Napi::Value describe_plan(Info);
Napi::Value dispose_plan(Info);

}  // namespace lophi::js
