#include "core/compilation.h"
#include "core/path.h"
#include "napi/exports.h"
#include "napi/landing.h"
#include "napi/tensor.h"

namespace lophi::js {
namespace {

struct PlanHandle {
  static constexpr const char* kName = "plan";
  std::shared_ptr<DeviceState> state;
  std::shared_ptr<Compilation> compilation;  // null once disposed
  std::vector<View> inputs, outputs;
  std::vector<std::pair<std::string, std::string>> calls;  // (path, op)
};

PlanHandle& plan_of(const Napi::Value& value) {
  auto& plan = unwrap<PlanHandle>(value);
  if (!plan.compilation) throw Error("ERR_DISPOSED", "plan: must be live, but it was disposed");
  return plan;
}

// A plan that nobody wants any more by then is not compiled.
void compile_later(Waiter& loader, const std::shared_ptr<Compilation>& compilation) {
  struct Job {
    explicit Job(const std::shared_ptr<Compilation>& compilation) : wanted(compilation) {}
    std::weak_ptr<Compilation> wanted;
    ~Job() {
      if (auto dropped = wanted.lock()) Compilation::give_up(std::move(dropped));
    }
  };
  const auto job = std::make_shared<Job>(compilation);
  loader.post([job] {
    if (auto next = job->wanted.lock()) Compilation::run(std::move(next));
  });
}

}  // namespace

Napi::Value begin_recording(const Napi::CallbackInfo& info) {
  DeviceState& state = device_of(info[0]);
  state.must_not_record("record");
  state.recorder = std::make_unique<Recorder>();
  return info.Env().Undefined();
}

Napi::Value cancel_recording(const Napi::CallbackInfo& info) {
  device_of(info[0]).recorder = nullptr;
  return info.Env().Undefined();
}

// (device, inputs, outputs) -> plan; the handles of the outputs then stand for the memory that every run writes
Napi::Value end_recording(const Napi::CallbackInfo& info) {
  auto state = shared_device_of(info[0]);
  if (!state->recorder) throw Error("ERR_RECORDING", "record: no plan is being recorded on " + state->id);
  const auto recorder = std::move(state->recorder);
  auto handle = std::make_unique<PlanHandle>();
  const auto inputs = info[1].As<Napi::Array>(), outputs = info[2].As<Napi::Array>();
  for (uint32_t i = 0; i < inputs.Length(); ++i) handle->inputs.push_back(tensor_of(inputs.Get(i)).view);
  for (uint32_t i = 0; i < outputs.Length(); ++i) handle->outputs.push_back(tensor_of(outputs.Get(i)).view);
  Plan plan = recorder->finish(*state->device, handle->outputs);
  for (uint32_t i = 0; i < outputs.Length(); ++i) tensor_of(outputs.Get(i)).view = handle->outputs[i];
  for (const Call& call : plan.calls) handle->calls.emplace_back(path_name(call.path), call.op->name);
  handle->compilation = std::make_shared<Compilation>(state->device, std::move(plan));
  if (state->device->compiles_slowly()) {
    compile_later(loader_of(info.Env()), handle->compilation);
  } else {
    Compilation::run(handle->compilation);
    handle->compilation->result();
  }
  handle->state = std::move(state);
  return wrap(info.Env(), std::move(handle));
}

// (plan, [Uint8Array | null per input], [index of an output to read], [ArrayBuffer for each]) -> Promise
Napi::Value run_plan(const Napi::CallbackInfo& info) {
  const PlanHandle& plan = plan_of(info[0]);
  const auto state = plan.state;
  ++state->counters.calls;
  ++state->counters.replays;
  state->must_not_record("run");
  const auto data = info[1].As<Napi::Array>(), reads = info[2].As<Napi::Array>(), buffers = info[3].As<Napi::Array>();
  if (data.Length() != plan.inputs.size())
    throw argument_error("plan: inputs must be " + std::to_string(plan.inputs.size()) + ", but they are " +
                         std::to_string(data.Length()));
  std::vector<std::optional<std::span<const std::byte>>> given(data.Length());
  for (uint32_t i = 0; i < data.Length(); ++i) {
    const Napi::Value value = data.Get(i);
    if (value.IsNull()) continue;
    given[i] = bytes_of(value);
    if (given[i]->size() != plan.inputs[i].bytes())
      throw argument_error("plan: input " + std::to_string(i) + " must have " + std::to_string(plan.inputs[i].bytes()) +
                           " bytes, but it has " + std::to_string(given[i]->size()));
  }
  std::vector<size_t> outputs;
  for (uint32_t i = 0; i < reads.Length(); ++i) {
    const int64_t index = integer_of(reads.Get(i), "output");
    if (index < 0 || index >= static_cast<int64_t>(plan.outputs.size()))
      throw range_error("plan: no output " + std::to_string(index));
    outputs.push_back(static_cast<size_t>(index));
  }
  // Everything is checked: from here on the run happens as a whole.
  for (size_t i = 0; i < given.size(); ++i)
    if (given[i]) state->stream->upload(plan.inputs[i], *given[i]);
  state->stream->replay(plan.compilation);
  const auto landing = std::make_shared<Landing>(state);
  for (uint32_t i = 0; i < outputs.size(); ++i) landing->add(buffers.Get(i), plan.outputs[outputs[i]]);
  return state->settled(info.Env(), [](Napi::Env env) { return env.Undefined(); }, landing);
}

// (plan) -> [[path, op], ...] in the order of execution
Napi::Value describe_plan(const Napi::CallbackInfo& info) {
  const PlanHandle& plan = plan_of(info[0]);
  auto result = Napi::Array::New(info.Env(), plan.calls.size());
  for (uint32_t i = 0; i < plan.calls.size(); ++i) {
    auto pair = Napi::Array::New(info.Env(), 2);
    pair[0u] = plan.calls[i].first;
    pair[1u] = plan.calls[i].second;
    result[i] = pair;
  }
  return result;
}

Napi::Value dispose_plan(const Napi::CallbackInfo& info) {
  auto& plan = unwrap<PlanHandle>(info[0]);
  plan.compilation = nullptr;
  plan.inputs.clear();
  plan.outputs.clear();
  plan.state = nullptr;
  return info.Env().Undefined();
}

}  // namespace lophi::js
