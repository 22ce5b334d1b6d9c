#include "dml/weight.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "dml/commands.h"
#include "dml/staging.h"

namespace lophi::dml {
namespace {

constexpr size_t kBand = size_t{8} << 20;
constexpr size_t kAlign = 16;  // of rows and sections

size_t aligned(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// Bytes on their way to one buffer, by two pieces of the upload heap in turn.
class Copies {
 public:
  Copies(Gpu& gpu, std::shared_ptr<Buffer> to)
      : gpu_(gpu), to_(std::move(to)), fence_(gpu.device.Get()), staging_(gpu.device, D3D12_HEAP_TYPE_UPLOAD) {}
  ~Copies() {
    try {
      fence_.wait(signalled_);
    } catch (const Error&) {  // the device is lost, and nothing is copied any more
    }
  }

  // Where the next bytes go; what was there has arrived.
  uint8_t* next(size_t bytes) {
    slot_ = (slot_ + 1) % slots_.size();
    Slot& slot = slots_[slot_];
    if (slot.done) fence_.wait(slot.done);
    slot.commands.reset();
    slot.shared = {};
    slot.commands.emplace(gpu_, slot.shared);
    if (slot.bytes < bytes) {
      slot.place = {};
      slot.place = staging_.take(bytes);
      slot.bytes = bytes;
    }
    return reinterpret_cast<uint8_t*>(slot.place.data());
  }

  void copy(size_t from, size_t to, size_t bytes) {
    if (!bytes) return;
    const View view{to_, to, DType::kUint8, {static_cast<int64_t>(bytes)}};
    Slot& slot = slots_[slot_];
    slot.commands->upload(view, slot.place.chunk->resource.Get(), slot.place.offset + from);
  }

  void submit() {
    Slot& slot = slots_[slot_];
    ID3D12CommandList* list = slot.commands->close();
    gpu_.check_alive();
    gpu_.queue->ExecuteCommandLists(1, &list);
    fence_.signal(gpu_.queue.Get(), signalled_ + 1);
    slot.done = ++signalled_;
  }

  void finish() {
    fence_.wait(signalled_);
    gpu_.check_alive();
  }

 private:
  struct Slot {
    Shared shared{};  // a submission of its own
    std::optional<Commands> commands;
    Chunks::Place place{};
    size_t bytes = 0;
    UINT64 done = 0;
  };
  Gpu& gpu_;
  const std::shared_ptr<Buffer> to_;
  Fence fence_;
  Chunks staging_;
  std::array<Slot, 2> slots_{};
  size_t slot_ = 0;
  UINT64 signalled_ = 0;
};

// linear for rows of a form: what the form fixes is compiled in.
int linear_shader(Shaders& shaders, const Form& form, bool ordered, DType type) {
  const Macro macros[] = {{"TYPE", static_cast<int>(type)},
                          {"FLOATS", form.floats},
                          {"FLOAT_TYPE", static_cast<int>(form.type)},
                          {"LOW", form.levels.low},
                          {"HIGH", form.levels.high},
                          {"ZERO", form.zero},
                          {"CODEBOOK", form.codebook != nullptr},
                          {"SCALE_TYPE", static_cast<int>(form.scale_type)},
                          {"SUPER", form.super},
                          {"SCALE_LOW", form.scale_levels.low},
                          {"SCALE_HIGH", form.scale_levels.high},
                          {"SCALE_ZERO", form.scale_zero},
                          {"SHIFT", static_cast<int>(form.shift)},
                          {"SHIFT_LOW", form.shift_levels.low},
                          {"SHIFT_HIGH", form.shift_levels.high},
                          {"ORDER", ordered}};
  return shaders.number("linear", macros);
}

}  // namespace

std::shared_ptr<const Weight> make_weight(Gpu& gpu, const WeightSpec& spec) {
  auto weight = std::make_shared<DmlWeight>(spec);
  std::vector<RowReader> readers;
  std::vector<Layout> places;
  size_t bytes = 0;
  for (const WeightPart& part : spec.parts) {
    if (!part.rows) continue;
    const RowReader& reader = readers.emplace_back(part, spec.columns);
    places.push_back(lay_out(reader.form(), part.rows, spec.columns, kAlign, kAlign));
    bytes += places.back().bytes + aligned(reader.order().size_bytes());
  }
  weight->device_bytes = bytes;
  if (readers.empty()) return weight;
  weight->buffer = gpu.memory->alloc(std::max<size_t>(bytes, 1));

  Copies copies(gpu, weight->buffer);
  size_t at = 0;
  for (size_t p = 0; p < readers.size(); ++p) {
    const RowReader& reader = readers[p];
    const Layout& layout = places[p];
    reader.each_band(0, reader.rows(), kBand, kAlign, kAlign, [&](int64_t first, int64_t count) {
      const Layout band = lay_out(reader.form(), count, spec.columns, kAlign, kAlign);
      reader.read(first, count, band_at(band, copies.next(std::max(kBand, band.bytes))));
      for (size_t s = 0; s < kSections; ++s)
        copies.copy(band.offset[s], at + layout.offset[s] + static_cast<size_t>(first) * layout.stride[s],
                    static_cast<size_t>(count) * layout.stride[s]);
      copies.submit();
    });
    DmlWeight::Part& part = weight->stacked.emplace_back();
    const auto shader = [&, ordered = !reader.order().empty()](DType type) {
      return linear_shader(*gpu.shaders, reader.form(), ordered, type);
    };
    part.shaders = {shader(DType::kFloat32), shader(DType::kFloat16), shader(DType::kBfloat16)};
    for (size_t s = 0; s < kSections; ++s) {
      part.offset[s] = static_cast<uint32_t>(at + layout.offset[s]);
      part.stride[s] = static_cast<uint32_t>(layout.stride[s]);
    }
    at += layout.bytes;
    part.order = 0;
    if (const auto order = reader.order(); !order.empty()) {
      std::memcpy(copies.next(std::max(kBand, order.size_bytes())), order.data(), order.size_bytes());
      copies.copy(0, at, order.size_bytes());
      copies.submit();
      part.order = static_cast<uint32_t>(at);
      at += aligned(order.size_bytes());
    }
  }
  copies.finish();
  return weight;
}

}  // namespace lophi::dml
