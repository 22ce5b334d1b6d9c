#include <cstring>
#include <set>

#include "core/mapping.h"
#include "core/rows.h"
#include "core/uses.h"
#include "napi/exports.h"
#include "napi/tensor.h"

namespace lophi::js {

WeightHandle::WeightHandle(Napi::Env env, std::shared_ptr<DeviceState> s, std::shared_ptr<const Weight> w)
    : state(std::move(s)), weight(std::move(w)), memory_(env, weight->device_bytes) {}

void WeightHandle::drop() {
  weight = nullptr;
  state = nullptr;
  memory_.drop();
}

WeightHandle& weight_of(const Napi::Value& value) { return live(unwrap<WeightHandle>(value)); }

WeightHandle& live(WeightHandle& handle) {
  if (!handle.weight) throw Error("ERR_DISPOSED", "weight: must be live, but it was disposed");
  return handle;
}

namespace {

bool is_none(const Napi::Value& value) { return value.IsUndefined() || value.IsNull(); }

// Reads a WeightDescription of lib/formats/source.ts.
class Reader {
 public:
  // `snapshot`: typed arrays are copied, because they are read later.
  explicit Reader(bool snapshot) : snapshot_(snapshot) {}

  WeightSpec spec(const Napi::Value& value) const {
    if (!value.IsObject()) throw argument_error("weight: a description must be an object");
    const auto from = value.As<Napi::Object>();
    const Shape shape = shape_of(from.Get("shape"));
    if (shape.size() != 1 && shape.size() != 2)
      throw shape_error("weight: shape must be [rows, columns] or [columns], but it is " + to_string(shape));
    WeightSpec spec;
    spec.rows = shape.size() == 2 ? shape[0] : 1;
    spec.columns = shape.back();
    spec.pair_rows = from.Get("pairRows").ToBoolean();
    const Napi::Value parts = from.Get("parts");
    if (!parts.IsArray()) throw argument_error("weight: parts must be an array");
    const auto array = parts.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) spec.parts.push_back(part(array.Get(i)));
    check_weight(spec);
    return spec;
  }

 private:
  WeightPart part(const Napi::Value& value) const {
    if (!value.IsObject()) throw argument_error("weight: a part must be an object");
    const auto from = value.As<Napi::Object>();
    WeightPart part;
    part.format = word<WeightFormat>(from, "format", kWeightFormatNames);
    part.packing =
        is_none(from.Get("packing")) ? WeightPacking::kRows : word<WeightPacking>(from, "packing", kWeightPackingNames);
    part.rows = is_none(from.Get("rows")) ? -1 : integer_of(from.Get("rows"), "rows");
    part.data = payload(from, "data");
    part.groups = groups(from.Get("groups"));
    return part;
  }

  WeightGroups groups(const Napi::Value& value) const {
    if (!value.IsObject()) return {};
    const auto from = value.As<Napi::Object>();
    WeightGroups groups;
    groups.size = integer_of(from.Get("size"), "size");
    if (groups.size < 1)
      throw argument_error("weight: a group must not be empty, but it is " + std::to_string(groups.size));
    groups.scale_type = word<DType>(from, "scaleType", kDTypeNames);
    groups.scales = payload(from, "scales");
    groups.zeros = payload(from, "zeros");
    groups.zero_type = zero_type(from);
    groups.is_signed = from.Get("signed").ToBoolean();
    if (!is_none(from.Get("gIdx"))) groups.g_idx = payload(from, "gIdx");
    return groups;
  }

  static ZeroType zero_type(const Napi::Object& from) {
    if (is_none(from.Get("zeroType"))) return is_none(from.Get("zeros")) ? ZeroType::kNone : ZeroType::kPacked;
    // where there are zeros they have a type
    const auto type = word<ZeroType>(from, "zeroType", kZeroTypeNames, 1);
    return is_none(from.Get("zeros")) ? ZeroType::kNone : type;
  }

  // A Uint8Array, { file, offset, bytes }, which is mapped, or nothing.
  Bytes payload(const Napi::Object& from, const char* name) const {
    const Napi::Value value = from.Get(name);
    if (is_none(value)) return {};
    if (value.IsTypedArray()) {
      const auto bytes = bytes_of(value);
      return snapshot_ ? copy_bytes(bytes) : Bytes{nullptr, bytes.data(), bytes.size(), nullptr};
    }
    if (!value.IsObject())
      throw argument_error(std::string("weight: ") + name + " must be typed arrays or file ranges");
    const auto range = value.As<Napi::Object>();
    const int64_t offset = integer_of(range.Get("offset"), "offset"), bytes = integer_of(range.Get("bytes"), "bytes");
    if (offset < 0 || bytes < 0) throw argument_error("weight: offset and bytes must not be negative");
    return map_range(range.Get("file").ToString().Utf8Value(), static_cast<uint64_t>(offset),
                     static_cast<uint64_t>(bytes));
  }

  // The enumerator of a word, `first` or a later one.
  template <class Enum, size_t Count>
  static Enum word(const Napi::Object& from, const char* name, const char* const (&words)[Count], size_t first = 0) {
    const std::string given = from.Get(name).ToString().Utf8Value();
    std::string known;
    for (size_t i = first; i < Count; ++i) {
      if (given == words[i]) return static_cast<Enum>(i);
      known.append(known.empty() ? "" : " ").append(words[i]);
    }
    throw argument_error(std::string("weight: ") + name + " must be one of " + known + ", but it is " + given);
  }

  const bool snapshot_;
};

// [{ op, activations? }, ...]
std::vector<WeightUse> uses_of(const Napi::Value& value) {
  std::vector<WeightUse> uses;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const auto use = array.Get(i).As<Napi::Object>();
    const Napi::Value activations = use.Get("activations");
    uses.push_back(
        {use.Get("op").ToString().Utf8Value(), !is_none(activations) && activations.ToString().Utf8Value() == "int8"});
  }
  return uses;
}

// `count` rows of a spec from `first` on; throws where there are none.
struct RowRange {
  int64_t first, count;
  RowRange(const WeightSpec& spec, const Napi::Value& from, const Napi::Value& rows)
      : first(integer_of(from, "first")), count(integer_of(rows, "rows")) {
    if (first < 0 || count < 0 || first > spec.rows || count > spec.rows - first)
      throw range_error("weight: rows " + std::to_string(first) + " to " + std::to_string(first + count) +
                        " must lie within its " + std::to_string(spec.rows));
  }
};

std::vector<float> floats_of(const WeightSpec& spec, const RowRange& range) {
  try {
    std::vector<float> values(static_cast<size_t>(range.count * spec.columns));
    read_floats(spec, range.first, range.count, values.data());
    return values;
  } catch (const std::bad_alloc&) {
    throw Error("ERR_OUT_OF_MEMORY", "weight: the machine must have memory for " + std::to_string(range.count) +
                                         " rows of float32, but it has not");
  }
}

Napi::Value upload(Napi::Env env, const std::shared_ptr<DeviceState>& state, Shape shape,
                   const std::vector<float>& values) {
  View view{nullptr, 0, DType::kFloat32, std::move(shape)};
  view.buffer = state->device->alloc(view.bytes());
  state->stream->upload(view, std::as_bytes(std::span(values)));
  return wrap(env, std::make_unique<TensorHandle>(env, state, std::move(view), true));
}

}  // namespace

// (device, description, in place, uses) -> Promise of a handle
Napi::Value create_weight(const Napi::CallbackInfo& info) {
  const auto state = shared_device_of(info[0]);
  auto spec = std::make_shared<WeightSpec>(Reader(true).spec(info[1]));
  spec->in_place = info[2].ToBoolean();
  check_uses(*state->device, *spec, uses_of(info[3]));
  auto made = std::make_shared<std::shared_ptr<const Weight>>();
  return loader_of(info.Env())
      .promise(
          info.Env(), [=] { *made = state->device->weight(std::move(*spec)); },
          [=](Napi::Env env) { return wrap(env, std::make_unique<WeightHandle>(env, state, std::move(*made))); });
}

// (device, description) -> handle
Napi::Value create_weight_sync(const Napi::CallbackInfo& info) {
  const auto state = shared_device_of(info[0]);
  auto weight = state->device->weight(Reader(false).spec(info[1]));
  return wrap(info.Env(), std::make_unique<WeightHandle>(info.Env(), state, std::move(weight)));
}

// (device, description, first, rows) -> Promise of the handle of a float32 tensor
Napi::Value read_rows(const Napi::CallbackInfo& info) {
  const auto state = shared_device_of(info[0]);
  const auto spec = std::make_shared<const WeightSpec>(Reader(true).spec(info[1]));
  const RowRange range(*spec, info[2], info[3]);
  auto values = std::make_shared<std::vector<float>>();
  return loader_of(info.Env())
      .promise(
          info.Env(), [=] { *values = floats_of(*spec, range); },
          [=](Napi::Env env) { return upload(env, state, {range.count, spec->columns}, *values); });
}

// (device, description, first, rows) -> handle of a float32 tensor
Napi::Value read_rows_sync(const Napi::CallbackInfo& info) {
  const auto state = shared_device_of(info[0]);
  const WeightSpec spec = Reader(false).spec(info[1]);
  const RowRange range(spec, info[2], info[3]);
  return upload(info.Env(), state, {range.count, spec.columns}, floats_of(spec, range));
}

// ([weight, ...]): throws ERR_FILE where a file that one of them is read from has changed
Napi::Value check_files(const Napi::CallbackInfo& info) {
  const auto array = info[0].As<Napi::Array>();
  std::set<std::shared_ptr<const MappedFile>> files;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const auto& in_use = weight_of(array.Get(i)).weight->in_use;
    files.insert(in_use.begin(), in_use.end());
  }
  for (const auto& file : files) file->check();
  return info.Env().Undefined();
}

Napi::Value dispose_weight(const Napi::CallbackInfo& info) {
  unwrap<WeightHandle>(info[0]).drop();
  return info.Env().Undefined();
}

}  // namespace lophi::js
