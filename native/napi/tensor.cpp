#include "napi/tensor.h"

#include "napi/exports.h"
#include "napi/landing.h"

namespace lophi::js {

TensorHandle::TensorHandle(Napi::Env env, std::shared_ptr<DeviceState> s, View v, bool owner)
    : state(std::move(s)), view(std::move(v)), memory_(env, owner ? view.buffer->bytes : 0) {}

void TensorHandle::drop() {
  view.buffer = nullptr;
  state = nullptr;
  memory_.drop();
}

TensorHandle& tensor_of(const Napi::Value& value) { return live(unwrap<TensorHandle>(value)); }

TensorHandle& live(TensorHandle& handle) {
  if (!handle.view.buffer) throw Error("ERR_DISPOSED", "tensor: must be live, but it was disposed");
  if (const auto* planned = dynamic_cast<const PlannedBuffer*>(handle.view.buffer.get());
      planned && planned->recording.expired())
    throw Error("ERR_DISPOSED", "tensor: must be live, but it was an intermediate of a recording that has ended");
  return handle;
}

namespace {

void check_size(const View& view, size_t bytes) {
  if (bytes != view.bytes())
    throw argument_error("tensor: data must have " + std::to_string(view.bytes()) + " bytes for " +
                         name_of(view.dtype) + to_string(view.shape) + ", but it has " + std::to_string(bytes));
}

}  // namespace

// (device, dtype, shape, Uint8Array | null) -> handle; null: the contents are whatever the memory held
Napi::Value create_tensor(const Napi::CallbackInfo& info) {
  auto state = shared_device_of(info[0]);
  View view{nullptr, 0, dtype_of(info[1]), shape_of(info[2])};
  const auto bytes = info[3].IsNull() ? std::span<const std::byte>{} : bytes_of(info[3]);
  if (!info[3].IsNull()) check_size(view, bytes.size());
  view.buffer = state->device->alloc(view.bytes());
  if (!info[3].IsNull()) state->stream->upload(view, bytes);
  return wrap(info.Env(), std::make_unique<TensorHandle>(info.Env(), std::move(state), std::move(view), true));
}

// (tensor, shape, first element) -> handle of the same memory
Napi::Value view_tensor(const Napi::CallbackInfo& info) {
  const TensorHandle& base = tensor_of(info[0]);
  ++base.state->counters.calls;
  View view = base.view;
  view.shape = shape_of(info[1]);
  const int64_t first = integer_of(info[2], "view");
  if (first < 0 || first > base.view.count() || view.count() > base.view.count() - first)
    throw shape_error("view: must lie within " + to_string(base.view.shape) + ", but it is " + to_string(view.shape) +
                      " from element " + std::to_string(first));
  const int64_t bits = first * bits_of(view.dtype), end = first + view.count();
  if (bits % 8)
    throw shape_error("view: must start at a whole byte, but element " + std::to_string(first) + " of 4 bits does not");
  // Whoever writes to a view writes whole bytes.
  if (end * bits_of(view.dtype) % 8 && end != base.view.count())
    throw shape_error("view: must end at a whole byte, but element " + std::to_string(end) +
                      " of 4 bits starts amid one");
  view.offset += static_cast<size_t>(bits / 8);
  return wrap(info.Env(), std::make_unique<TensorHandle>(info.Env(), base.state, std::move(view), false));
}

// (tensor, Uint8Array)
Napi::Value write_tensor(const Napi::CallbackInfo& info) {
  const TensorHandle& tensor = tensor_of(info[0]);
  ++tensor.state->counters.calls;
  tensor.state->must_not_record("write");
  const auto bytes = bytes_of(info[1]);
  check_size(tensor.view, bytes.size());
  tensor.state->stream->upload(tensor.view, bytes);
  return info.Env().Undefined();
}

// (tensor, ArrayBuffer that receives the bytes) -> Promise
Napi::Value read_tensor(const Napi::CallbackInfo& info) {
  const TensorHandle& tensor = tensor_of(info[0]);
  ++tensor.state->counters.calls;
  tensor.state->must_not_record("read");
  const auto landing = std::make_shared<Landing>(tensor.state);
  landing->add(info[1], tensor.view);
  return tensor.state->settled(info.Env(), [](Napi::Env env) { return env.Undefined(); }, landing);
}

// (tensor, ArrayBuffer that receives the bytes)
Napi::Value read_tensor_sync(const Napi::CallbackInfo& info) {
  const TensorHandle& tensor = tensor_of(info[0]);
  ++tensor.state->counters.calls;
  tensor.state->must_not_record("readSync");
  Landing landing(tensor.state);
  landing.add(info[1], tensor.view);
  Stream& stream = *tensor.state->stream;
  const Arrival arrival(&landing);
  try {
    stream.wait(stream.submit());
  } catch (...) {
    stream.recover();
    throw;
  }
  return info.Env().Undefined();
}

Napi::Value dispose_tensor(const Napi::CallbackInfo& info) {
  unwrap<TensorHandle>(info[0]).drop();
  return info.Env().Undefined();
}

}  // namespace lophi::js
