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

}  // namespace

DmlWeight::Part::Part(const Form& rows, bool ordered)
    : form{{"FLOATS", rows.floats},
           {"FLOAT_TYPE", static_cast<int>(rows.type)},
           {"LOW", rows.levels.low},
           {"HIGH", rows.levels.high},
           {"ZERO", rows.zero},
           {"CODEBOOK", rows.codebook != nullptr},
           {"SCALE_TYPE", static_cast<int>(rows.scale_type)},
           {"SUPER", rows.super},
           {"SCALE_LOW", rows.scale_levels.low},
           {"SCALE_HIGH", rows.scale_levels.high},
           {"SCALE_ZERO", rows.scale_zero},
           {"SHIFT", static_cast<int>(rows.shift)},
           {"SHIFT_LOW", rows.shift_levels.low},
           {"SHIFT_HIGH", rows.shift_levels.high},
           {"ORDER", ordered}} {}

int DmlWeight::Part::shader(Shaders& shaders, const char* file, std::initializer_list<Macro> more) const {
  std::vector<Macro> macros = form;
  macros.insert(macros.begin(), more);
  return shaders.number(file, macros);
}

std::vector<uint32_t> part_constants(int64_t m, const DmlWeight& weight, const Weight::Rows& rows,
                                     const DmlWeight::Part& part) {
  const auto word = [](int64_t value) { return static_cast<uint32_t>(value); };
  const int64_t group = std::max<int64_t>(1, rows.form.group);
  std::vector<uint32_t> constants = {word(m),          word(weight.rows), word(weight.columns), word(rows.first),
                                     word(rows.count), word(group),       part.order,           0};
  constants.insert(constants.end(), part.offset.begin(), part.offset.end());
  constants.insert(constants.end(), part.stride.begin(), part.stride.end());
  return constants;
}

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
    DmlWeight::Part& part = weight->stacked.emplace_back(reader.form(), !reader.order().empty());
    part.takes_int8 = reader.order().empty() && takes_int8(weight->parts[p].format, reader.form().group, spec.columns);
    for (size_t s = 0; s < kSections; ++s) {
      part.offset[s] = static_cast<uint32_t>(at + layout.offset[s]);
      part.stride[s] = static_cast<uint32_t>(layout.stride[s]);
    }
    at += layout.bytes;
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
