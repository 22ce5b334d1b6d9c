#include "cuda/weight.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/rows.h"

namespace lophi::cuda {
namespace {

constexpr size_t kBand = size_t{8} << 20;
constexpr size_t kRowAlign = 16, kAlign = 256;

static_assert(int{kSections} == WeightRows::kSections && int{kLow} == WeightRows::kLow &&
              int{kHigh} == WeightRows::kHigh && int{kScales} == WeightRows::kScales &&
              int{kScaleLow} == WeightRows::kScaleLow && int{kScaleHigh} == WeightRows::kScaleHigh &&
              int{kShifts} == WeightRows::kShifts && int{kShiftLow} == WeightRows::kShiftLow &&
              int{kShiftHigh} == WeightRows::kShiftHigh);
static_assert(int(Shift::kNone) == WeightRows::kNone && int(Shift::kZeros) == WeightRows::kZeros &&
              int(Shift::kFloatZeros) == WeightRows::kFloatZeros && int(Shift::kOffsets) == WeightRows::kOffsets &&
              int(Shift::kMinima) == WeightRows::kMinima);

WeightRows rows_of(const Weight::Rows& part, int64_t columns, const Layout& layout, const unsigned char* at) {
  const Form& form = part.form;
  WeightRows rows{};
  rows.first = part.first;
  rows.count = part.count;
  rows.columns = columns;
  for (size_t s = 0; s < kSections; ++s) {
    rows.data[s] = at + layout.offset[s];
    rows.stride[s] = static_cast<long long>(layout.stride[s]);
  }
  rows.floats = form.floats;
  rows.type = static_cast<int>(form.type);
  rows.low = form.levels.low;
  rows.high = form.levels.high;
  rows.zero = form.zero;
  rows.codebook = form.codebook != nullptr;
  rows.group = form.group;
  rows.scale_type = static_cast<int>(form.scale_type);
  rows.super = form.super;
  rows.scale_low = form.scale_levels.low;
  rows.scale_high = form.scale_levels.high;
  rows.scale_zero = form.scale_zero;
  rows.shift = static_cast<int>(form.shift);
  rows.shift_low = form.shift_levels.low;
  rows.shift_high = form.shift_levels.high;
  return rows;
}

size_t aligned(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

}  // namespace

CudaWeight::~CudaWeight() {
  if (!copied_) return;
  try {
    const Current current(*gpu_);
    if (!arrived_) gpu_->driver.event_synchronize(copied_);
    gpu_->driver.event_destroy(copied_);
  } catch (const Error&) {
    // The context is lost, and its events with it.
  }
}

void CudaWeight::wait(CUstream stream) const {
  if (arrived_.load(std::memory_order_relaxed) || !copied_) return;
  const Driver& driver = gpu_->driver;
  if (driver.event_query(copied_) != kSuccess) {
    if (stream) return driver.check(driver.stream_wait_event(stream, copied_, 0), "cuStreamWaitEvent");
    driver.check(driver.event_synchronize(copied_), "cuEventSynchronize");
  }
  arrived_.store(true, std::memory_order_relaxed);
}

WeightLoader::~WeightLoader() {
  if (!stream_) return;
  try {
    const Current current(*gpu_);
    gpu_->driver.stream_synchronize(stream_);
    for (const Slot& slot : slots_)
      if (slot.copied) gpu_->driver.event_destroy(slot.copied);
    gpu_->driver.stream_destroy(stream_);
  } catch (const Error&) {
    // The context is lost, and its streams with it.
  }
}

void WeightLoader::start() {
  if (!stream_) gpu_->driver.check(gpu_->driver.stream_create(&stream_, kStreamNonBlocking), "cuStreamCreate");
  for (Slot& slot : slots_)
    if (!slot.copied) gpu_->driver.check(gpu_->driver.event_create(&slot.copied, kEventNoTiming), "cuEventCreate");
}

WeightLoader::Slot& WeightLoader::next_slot(size_t bytes) {
  Slot& slot = slots_[used_++ % slots_.size()];
  if (slot.pinned) gpu_->driver.check(gpu_->driver.event_synchronize(slot.copied), "cuEventSynchronize");
  if (!slot.pinned || slot.pinned->bytes < bytes) {
    slot.pinned = nullptr;
    slot.pinned = pinned_->alloc(bytes);
  }
  return slot;
}

void WeightLoader::copy(CUdeviceptr to, const uint8_t* from, size_t bytes) {
  if (bytes) gpu_->driver.check(gpu_->driver.upload_async(to, from, bytes, stream_), "cuMemcpyHtoDAsync");
}

std::shared_ptr<const Weight> WeightLoader::load(const WeightSpec& spec) {
  auto weight = std::make_shared<CudaWeight>(gpu_, spec);
  std::vector<RowReader> readers;
  std::vector<Layout> places;
  size_t bytes = 0;
  for (const WeightPart& part : spec.parts) {
    if (!part.rows) continue;
    const RowReader& reader = readers.emplace_back(part, spec.columns);
    places.push_back(lay_out(reader.form(), part.rows, spec.columns, kRowAlign, kAlign));
    bytes += places.back().bytes + aligned(reader.order().size_bytes());
  }
  weight->device_bytes = bytes;
  if (readers.empty()) return weight;
  weight->data_ = memory_->alloc(std::max<size_t>(bytes, 1));

  const std::lock_guard lock(mutex_);
  const Current current(*gpu_);
  start();
  try {
    CUdeviceptr at = address_of(*weight->data_);
    for (size_t p = 0; p < readers.size(); ++p) {
      const RowReader& reader = readers[p];
      const Layout& layout = places[p];
      reader.each_band(0, reader.rows(), kBand, kRowAlign, kAlign, [&](int64_t first, int64_t count) {
        const Layout band = lay_out(reader.form(), count, spec.columns, kRowAlign, kAlign);
        Slot& slot = next_slot(std::max(kBand, band.bytes));
        auto* from = static_cast<uint8_t*>(slot.pinned->data);
        reader.read(first, count, band_at(band, from));
        for (size_t s = 0; s < kSections; ++s)
          copy(at + layout.offset[s] + static_cast<size_t>(first) * layout.stride[s], from + band.offset[s],
               static_cast<size_t>(count) * layout.stride[s]);
        gpu_->driver.check(gpu_->driver.event_record(slot.copied, stream_), "cuEventRecord");
      });
      WeightRows rows = rows_of(weight->parts[p], spec.columns, layout, reinterpret_cast<const unsigned char*>(at));
      at += layout.bytes;
      if (const auto order = reader.order(); !order.empty()) {
        Slot& slot = next_slot(std::max(kBand, order.size_bytes()));
        std::memcpy(slot.pinned->data, order.data(), order.size_bytes());
        copy(at, static_cast<const uint8_t*>(slot.pinned->data), order.size_bytes());
        gpu_->driver.check(gpu_->driver.event_record(slot.copied, stream_), "cuEventRecord");
        rows.order = reinterpret_cast<const int*>(at);
        at += aligned(order.size_bytes());
      }
      weight->stacked.push_back({rows, !rows.order && takes_int8(weight->parts[p].format, rows.group, spec.columns)});
    }
    gpu_->driver.check(gpu_->driver.event_create(&weight->copied_, kEventNoTiming), "cuEventCreate");
    gpu_->driver.check(gpu_->driver.event_record(weight->copied_, stream_), "cuEventRecord");
  } catch (...) {
    gpu_->driver.stream_synchronize(stream_);  // nothing may write to memory that is given back
    throw;
  }
  return weight;
}

}  // namespace lophi::cuda
