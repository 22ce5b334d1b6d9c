// The module's entry: per-environment state and the table of exports.
#include "napi/addon.h"

#include "napi/error.h"
#include "napi/exports.h"
#include "napi/promise.h"

namespace {

using namespace lophi::js;

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Addon());
  const auto add = [&](const char* name, auto function) { exports[name] = Napi::Function::New(env, function, name); };
  add("setErrorFactory", guarded<set_error_factory>);
  add("setEnvironment", guarded<set_environment>);
  add("setImageNames", guarded<set_image_names>);
  add("listDevices", guarded<list_devices>);
  add("openDevice", guarded<open_device>);
  add("deviceInfo", guarded<device_info>);
  add("deviceMemory", guarded<device_memory>);
  add("deviceCounters", guarded<device_counters>);
  add("syncDevice", guarded<sync_device>);
  add("closeDevice", guarded<close_device>);
  add("createTensor", guarded<create_tensor>);
  add("viewTensor", guarded<view_tensor>);
  add("writeTensor", guarded<write_tensor>);
  add("readTensor", guarded<read_tensor>);
  add("readTensorSync", guarded<read_tensor_sync>);
  add("disposeTensor", guarded<dispose_tensor>);
  add("createWeight", guarded<create_weight>);
  add("createWeightSync", guarded<create_weight_sync>);
  add("readRows", guarded<read_rows>);
  add("readRowsSync", guarded<read_rows_sync>);
  add("checkFiles", guarded<check_files>);
  add("disposeWeight", guarded<dispose_weight>);
  add("setReply", guarded<set_reply>);
  add("runOp", guarded<run_op>);
  add("describeOps", guarded<describe_ops>);
  add("parseOp", guarded<parse_op>);
  add("missingOps", guarded<missing_ops>);
  add("internPath", guarded<intern_path>);
  add("beginRecording", guarded<begin_recording>);
  add("endRecording", guarded<end_recording>);
  add("cancelRecording", guarded<cancel_recording>);
  add("runPlan", guarded<run_plan>);
  add("describePlan", guarded<describe_plan>);
  add("disposePlan", guarded<dispose_plan>);
  return exports;
}

}  // namespace

NODE_API_MODULE(lophi, init)
