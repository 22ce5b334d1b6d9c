// Matrices that a model multiplies by, in the format of their file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace lophi {

// The order is that of `weightFormats` in lib/formats/source.ts.
enum class WeightFormat : uint8_t { kFloat32, kFloat16, kBfloat16, kQ8_0, kQ4_0 };

// How a row of K values lies in memory: K / block units of `bytes` bytes.
struct FormatInfo {
  const char* name;
  int block;  // values per unit; K must be a multiple
  int bytes;  // bytes per unit
};
inline constexpr FormatInfo kFormats[] = {
    {"float32", 1, 4}, {"float16", 1, 2}, {"bfloat16", 1, 2}, {"q8_0", 32, 34}, {"q4_0", 32, 18},
};
inline constexpr int kFormatCount = static_cast<int>(std::size(kFormats));
constexpr const FormatInfo& info_of(WeightFormat format) { return kFormats[static_cast<int>(format)]; }
constexpr size_t row_bytes(WeightFormat format, int64_t columns) {
  const FormatInfo& info = info_of(format);
  return static_cast<size_t>(columns / info.block) * static_cast<size_t>(info.bytes);
}

// Bytes that stay valid while `owner` lives: a mapped file or a copy of a typed array.
struct Bytes {
  std::shared_ptr<const void> owner;
  const std::byte* data = nullptr;
  size_t size = 0;
};

// What a weight is made from: whole rows in each segment, stacked in order.
struct WeightSpec {
  WeightFormat format;
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<Bytes> segments;
};

// A weight on a device; backends derive from it. Immutable, shared between threads and environments.
struct Weight {
  virtual ~Weight() = default;
  WeightFormat format = WeightFormat::kFloat32;
  int64_t rows = 0;
  int64_t columns = 0;
  size_t device_bytes = 0;  // memory that it takes beyond the mapped file
};

// Throws unless the segments hold exactly rows x columns values of the format.
void check_weight(const WeightSpec& spec);

}  // namespace lophi
