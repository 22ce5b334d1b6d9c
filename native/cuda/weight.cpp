#include "cuda/weight.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/rows.h"
#include "cuda/kernels.gen.h"

namespace lophi::cuda {
namespace {

constexpr size_t kBand = size_t{8} << 20;
constexpr size_t kRowAlign = 16, kAlign = 256;
constexpr int64_t kStripRows = 16, kTileColumns = 64;  // of weights.cuh

static_assert(int{kSections} == WeightRows::kSections && int{kLow} == WeightRows::kLow &&
              int{kHigh} == WeightRows::kHigh && int{kScales} == WeightRows::kScales &&
              int{kScaleLow} == WeightRows::kScaleLow && int{kScaleHigh} == WeightRows::kScaleHigh &&
              int{kShifts} == WeightRows::kShifts && int{kShiftLow} == WeightRows::kShiftLow &&
              int{kShiftHigh} == WeightRows::kShiftHigh);
static_assert(int(Shift::kNone) == WeightRows::kNone && int(Shift::kZeros) == WeightRows::kZeros &&
              int(Shift::kFloatZeros) == WeightRows::kFloatZeros && int(Shift::kOffsets) == WeightRows::kOffsets &&
              int(Shift::kMinima) == WeightRows::kMinima);

size_t aligned(size_t bytes, size_t unit = kAlign) { return (bytes + unit - 1) / unit * unit; }

// Bits of an element of a section, 0 where the form lacks it.
int bits_of(const Form& form, int section) {
  if (form.floats) return section == kLow ? static_cast<int>(8 * bytes_of(form.type, 1)) : 0;
  const bool shifts = form.shift == Shift::kFloatZeros || form.shift == Shift::kOffsets || form.shift == Shift::kMinima;
  const int scale = static_cast<int>(8 * bytes_of(form.scale_type, 1));
  const int bits[kSections] = {form.levels.low,       form.levels.high,       scale,
                               form.scale_levels.low, form.scale_levels.high, shifts ? scale : 0,
                               form.shift_levels.low, form.shift_levels.high};
  return bits[section];
}

bool is_plane(int section) { return section == kLow || section == kHigh; }

// Elements of a row in a section.
int64_t elements_of(const Form& form, int section, int64_t columns) {
  if (is_plane(section)) return columns;
  const int64_t groups = (columns + form.group - 1) / form.group;
  return section == kScales || section == kShifts ? (groups + form.super - 1) / form.super : groups;
}

// The sections of `rows` rows in tile order, strides from strip to strip. Levels fill whole pairs of tiles, for kernels that take 128
// columns at a time.
Layout tile_layout(const Form& form, int64_t rows, int64_t columns) {
  Layout layout;
  const auto strips = static_cast<size_t>((rows + kStripRows - 1) / kStripRows);
  for (int s = 0; s < kSections; ++s) {
    const auto i = static_cast<size_t>(s), bits = static_cast<size_t>(bits_of(form, s));
    layout.offset[i] = layout.bytes;
    if (!bits) continue;
    const auto elements = static_cast<size_t>(elements_of(form, s, columns));
    layout.stride[i] =
        aligned(elements * bits * kStripRows / 8, is_plane(s) ? 2 * kTileColumns * kStripRows * bits / 8 : 16);
    layout.bytes = aligned(layout.bytes + strips * layout.stride[i]);
  }
  return layout;
}

// Rows of a band: whole strips, and blocks of 128 where it holds as many (rows.h).
int64_t band_rows(const Form& form, int64_t columns) {
  const size_t strip = lay_out(form, kStripRows, columns, kRowAlign, kAlign).bytes;
  const auto strips = static_cast<int64_t>(strip ? std::max<size_t>(kBand / strip, 1) : 8);
  return (strips < 8 ? strips : strips / 8 * 8) * kStripRows;
}

bool same_form(const Form& a, const Form& b) {
  const auto fields = [](const Form& f) {
    const auto bits = [](const Levels& levels) { return std::pair(levels.low, levels.high); };
    return std::tuple(f.floats, f.type, bits(f.levels), f.zero, f.codebook, f.group, f.scale_type, f.super,
                      bits(f.scale_levels), f.scale_zero, f.shift, bits(f.shift_levels));
  };
  return fields(a) == fields(b);
}

// Parts of one form that follow each other, q, k and v of a file that keeps them apart: whole strips of each, which lie as one
// matrix's would.
struct Run {
  size_t begin, end;  // of parts that have rows
  int64_t rows;
  Layout layout;
};

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
    for (const Slot& slot : slots_) {
      if (slot.arrived) gpu_->driver.free(slot.arrived);
      if (slot.copied) gpu_->driver.event_destroy(slot.copied);
    }
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
    if (slot.arrived) gpu_->driver.check(gpu_->driver.free(std::exchange(slot.arrived, 0)), "cuMemFree");
    gpu_->driver.check(gpu_->driver.alloc(&slot.arrived, bytes), "cuMemAlloc");
    slot.pinned = pinned_->alloc(bytes);
  }
  return slot;
}

void WeightLoader::repack(int section, const RepackParams& params) {
  constexpr unsigned kThreads = 128;
  const int kernel = repack_kernel(is_plane(section) ? RepackVariant::kLevels : RepackVariant::kGroups);
  const int64_t words = params.to_stride / 4, strips = (params.rows + kStripRows - 1) / kStripRows;
  if (!words || !strips) return;
  const auto x = static_cast<unsigned>(std::min<int64_t>((words + kThreads - 1) / kThreads, 1024));
  const auto y = static_cast<unsigned>(std::min<int64_t>(strips, 65535));
  void* given = const_cast<RepackParams*>(&params);
  const LaunchConfig config{x, y, 1, kThreads, 1, 1, 0, stream_, nullptr, 0};
  gpu_->driver.check(gpu_->driver.launch(&config, modules_->function(kernel), &given, nullptr),
                     "repack: cuLaunchKernelEx");
}

void WeightLoader::copy(CUdeviceptr to, const uint8_t* from, size_t bytes) {
  if (bytes) gpu_->driver.check(gpu_->driver.upload_async(to, from, bytes, stream_), "cuMemcpyHtoDAsync");
}

void WeightLoader::read(const RowReader& reader, const Layout& layout, CUdeviceptr at, int64_t behind) {
  const Form& form = reader.form();
  const int64_t step = band_rows(form, reader.columns());
  for (int64_t first = 0; first < reader.rows(); first += step) {
    const int64_t count = std::min(step, reader.rows() - first);
    const Layout band = lay_out(form, count, reader.columns(), kRowAlign, kAlign);
    if (!band.bytes) break;
    Slot& slot = next_slot(std::max(kBand, band.bytes));
    auto* from = static_cast<uint8_t*>(slot.pinned->data);
    reader.read(first, count, band_at(band, from));
    copy(slot.arrived, from, band.bytes);
    for (int s = 0; s < kSections; ++s) {
      const auto i = static_cast<size_t>(s);
      if (!layout.stride[i]) continue;
      const CUdeviceptr to =
          at + layout.offset[i] + static_cast<size_t>((behind + first) / kStripRows) * layout.stride[i];
      repack(s, {reinterpret_cast<const unsigned char*>(slot.arrived + band.offset[i]),
                 reinterpret_cast<unsigned char*>(to), static_cast<long long>(band.stride[i]),
                 static_cast<long long>(layout.stride[i]), count, elements_of(form, s, reader.columns()),
                 bits_of(form, s)});
    }
    gpu_->driver.check(gpu_->driver.event_record(slot.copied, stream_), "cuEventRecord");
  }
}

std::shared_ptr<const Weight> WeightLoader::load(const WeightSpec& spec) {
  auto weight = std::make_shared<CudaWeight>(gpu_, spec);
  std::vector<RowReader> readers;
  std::vector<const Weight::Rows*> parts;
  for (size_t p = 0; p < spec.parts.size(); ++p) {
    if (!spec.parts[p].rows) continue;
    readers.emplace_back(spec.parts[p], spec.columns);
    parts.push_back(&weight->parts[p]);
  }
  const auto joins = [&](size_t p) {  // whether a part may lie behind the one before it
    const auto takes = [&](size_t at) { return takes_int8(parts[at]->format, parts[at]->form.group, spec.columns); };
    return parts[p - 1]->count % kStripRows == 0 && same_form(parts[p - 1]->form, parts[p]->form) &&
           takes(p - 1) == takes(p) && readers[p - 1].order().empty() && readers[p].order().empty();
  };
  std::vector<Run> runs;
  for (size_t p = 0; p < parts.size(); ++p) {
    if (p == 0 || !joins(p)) runs.push_back({p, p, 0, {}});
    runs.back().end = p + 1;
    runs.back().rows += parts[p]->count;
  }
  size_t bytes = 0;
  for (Run& run : runs) {
    run.layout = tile_layout(parts[run.begin]->form, run.rows, spec.columns);
    bytes += run.layout.bytes + aligned(readers[run.begin].order().size_bytes());
  }
  weight->device_bytes = bytes;
  if (readers.empty()) return weight;
  weight->data_ = memory_->alloc(std::max<size_t>(bytes, 1));

  const std::lock_guard lock(mutex_);
  const Current current(*gpu_);
  start();
  try {
    CUdeviceptr at = address_of(*weight->data_);
    for (const Run& run : runs) {
      int64_t behind = 0;  // rows of the run that have been read
      for (size_t p = run.begin; p < run.end; behind += parts[p++]->count) read(readers[p], run.layout, at, behind);
      Weight::Rows rows_of_run = *parts[run.begin];
      rows_of_run.count = run.rows;
      WeightRows rows = rows_of(rows_of_run, spec.columns, run.layout, reinterpret_cast<const unsigned char*>(at));
      at += run.layout.bytes;
      if (const auto order = readers[run.begin].order(); !order.empty()) {
        Slot& slot = next_slot(std::max(kBand, order.size_bytes()));
        std::memcpy(slot.pinned->data, order.data(), order.size_bytes());
        copy(at, static_cast<const uint8_t*>(slot.pinned->data), order.size_bytes());
        gpu_->driver.check(gpu_->driver.event_record(slot.copied, stream_), "cuEventRecord");
        rows.order = reinterpret_cast<const int*>(at);
        at += aligned(order.size_bytes());
      }
      weight->stacked.push_back({rows, !rows.order && takes_int8(rows_of_run.format, rows.group, spec.columns), {}});
    }
    gpu_->driver.check(gpu_->driver.event_create(&weight->copied_, kEventNoTiming), "cuEventCreate");
    gpu_->driver.check(gpu_->driver.event_record(weight->copied_, stream_), "cuEventRecord");
    CUdeviceptr part_at = address_of(*weight->data_);
    for (size_t r = 0; r < runs.size(); ++r) {
      CudaWeight::Part& part = weight->stacked[r];
      const size_t part_bytes = runs[r].layout.bytes + aligned(readers[runs[r].begin].order().size_bytes());
      part.choices = choose_linear(tuner_, *gpu_, *weight, part, part_at, part_bytes);
      part_at += part_bytes;
    }
  } catch (...) {
    gpu_->driver.stream_synchronize(stream_);  // nothing may write to memory that is given back
    throw;
  }
  return weight;
}

}  // namespace lophi::cuda
