#include "core/repack.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>

#include "core/error.h"

namespace lophi {
namespace {

struct Owned {
  Bytes bytes;
  uint8_t* data;
};

Owned make_bytes(size_t size) {
  auto owner = std::make_shared<std::vector<uint8_t>>(size);
  uint8_t* data = owner->data();
  return {{std::move(owner), reinterpret_cast<const std::byte*>(data), size}, data};
}

const uint8_t* at(const Bytes& bytes) { return reinterpret_cast<const uint8_t*>(bytes.data); }

int32_t read_int(const Bytes& bytes, int64_t index) {
  int32_t value;
  std::memcpy(&value, bytes.data + index * 4, 4);
  return value;
}

unsigned nibble(const uint8_t* bytes, int64_t index) { return bytes[index / 2] >> (index % 2 * 4) & 15; }

// Rows that a thread takes at a time: bytes of neighbouring rows lie in the same cache lines of a transposed matrix.
constexpr int64_t kBand = 64;

// Calls f(begin, end) for bands of rows on all cores.
template <class F>
void each_band(int64_t rows, F&& f) {
  const int64_t bands = (rows + kBand - 1) / kBand;
  const int64_t threads = std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, std::max<int64_t>(1, bands / 4));
  const auto share = [&](int64_t t) {
    for (int64_t band = t; band < bands; band += threads) f(band * kBand, std::min(rows, (band + 1) * kBand));
  };
  std::vector<std::thread> others;
  for (int64_t t = 1; t < threads; ++t) others.emplace_back(share, t);
  share(0);
  for (std::thread& other : others) other.join();
}

// Nibbles of a row of `count` places, each f(row, place), in rows of whole bytes `stride` apart. Eight rows at a time, for
// they share the bytes that f reads.
template <class F>
void write_nibbles(uint8_t* to, size_t stride, int64_t rows, int64_t count, F&& f) {
  each_band(rows, [&](int64_t begin, int64_t end) {
    for (int64_t from = begin; from < end; from += 8) {
      const int64_t to_row = std::min(from + 8, end);
      for (int64_t k = 0; k < count; k += 2) {
        for (int64_t n = from; n < to_row; ++n) {
          const unsigned low = f(n, k), high = k + 1 < count ? f(n, k + 1) : 0;
          to[static_cast<size_t>(n) * stride + static_cast<size_t>(k / 2)] = static_cast<uint8_t>(low | high << 4);
        }
      }
    }
  });
}

// Values of `size` bytes each: the one at [row, place] comes from index(row, place).
template <size_t Size, class F>
void write_values(uint8_t* to, size_t stride, int64_t rows, int64_t count, const uint8_t* from, F&& index) {
  each_band(rows, [&](int64_t begin, int64_t end) {
    for (int64_t k = 0; k < count; ++k) {
      for (int64_t n = begin; n < end; ++n)
        std::memcpy(to + static_cast<size_t>(n) * stride + static_cast<size_t>(k) * Size,
                    from + static_cast<size_t>(index(n, k)) * Size, Size);
    }
  });
}

Bytes transpose(const Bytes& from, int64_t rows, int64_t columns, size_t size) {
  Owned to = make_bytes(from.size);
  const size_t stride = static_cast<size_t>(columns) * size;
  const auto index = [&](int64_t n, int64_t k) { return k * rows + n; };
  if (size == 1) write_values<1>(to.data, stride, rows, columns, at(from), index);
  if (size == 2) write_values<2>(to.data, stride, rows, columns, at(from), index);
  if (size == 4) write_values<4>(to.data, stride, rows, columns, at(from), index);
  return to.bytes;
}

// ---- int4: the nibble of [n, k] in each packing

// The bytes of an int32 come lowest first, so that nibble p of one is nibble p of its four bytes.
constexpr int kAwqNibble[] = {0, 4, 1, 5, 2, 6, 3, 7};

int64_t awq_index(int64_t rows, int64_t n, int64_t k) { return k * rows + n / 8 * 8 + kAwqNibble[n % 8]; }
int64_t gptq_index(int64_t rows, int64_t n, int64_t k) { return (k / 8 * rows + n) * 8 + k % 8; }

// Calls body with a function (n, k) -> index of a nibble of the data.
template <class Body>
void with_index(const WeightPart& part, size_t row, Body&& body) {
  const int64_t rows = part.rows;
  switch (part.packing) {
    case WeightPacking::kRows:
      return body([row](int64_t n, int64_t k) { return n * static_cast<int64_t>(row) * 2 + k; });
    case WeightPacking::kColumns:
      return body([rows](int64_t n, int64_t k) { return k * rows + n; });
    case WeightPacking::kAwq:
      return body([rows](int64_t n, int64_t k) { return awq_index(rows, n, k); });
    case WeightPacking::kGptq:
    case WeightPacking::kGptqV2:
      return body([rows](int64_t n, int64_t k) { return gptq_index(rows, n, k); });
  }
}

// The index of a packed zero point of row n, group b.
int64_t zero_index(const WeightPart& part, int64_t groups, int64_t n, int64_t b) {
  switch (part.packing) {
    case WeightPacking::kRows:  // unpadded: padded ones stay where they are
      return n * groups + b;
    case WeightPacking::kAwq:
      return awq_index(part.rows, n, b);
    default:
      return b * part.rows + n;
  }
}

struct Repacking {
  const WeightPart& part;
  int64_t columns, groups;
  const int32_t* order;  // the column at each place; null: its own

  int64_t column(int64_t place) const { return order ? order[place] : place; }

  Bytes data() const {
    const size_t row = row_bytes(part, columns);
    Owned to = make_bytes(row * static_cast<size_t>(part.rows));
    const uint8_t* from = at(part.data);
    if (part.format == WeightFormat::kInt4) {
      const unsigned sign = part.groups.is_signed ? 8 : 0;
      with_index(part, row, [&](auto index) {
        write_nibbles(to.data, row, part.rows, columns,
                      [&](int64_t n, int64_t k) { return nibble(from, index(n, column(k))) ^ sign; });
      });
    } else {
      const uint8_t sign = part.groups.is_signed ? 0x80 : 0;
      const bool rows = part.packing == WeightPacking::kRows;
      write_values<1>(to.data, row, part.rows, columns, from, [&](int64_t n, int64_t k) {
        return rows ? n * static_cast<int64_t>(row) + column(k) : column(k) * part.rows + n;
      });
      if (sign)
        each_band(part.rows, [&](int64_t begin, int64_t end) {
          const size_t last = static_cast<size_t>(end) * row;
          for (size_t i = static_cast<size_t>(begin) * row; i < last; ++i) to.data[i] ^= sign;
        });
    }
    return to.bytes;
  }

  Bytes zeros() const {
    const size_t row = zero_bytes(part, columns);
    const bool rows = part.packing == WeightPacking::kRows, int4 = part.format == WeightFormat::kInt4;
    const uint8_t* from = at(part.groups.zeros);
    Owned to = make_bytes(row * static_cast<size_t>(part.rows));
    if (int4) {
      // padded rows are [N, 2 * row] nibbles
      const int64_t padded = static_cast<int64_t>(row) * 2;
      const bool whole = rows && part.groups.zeros.size == to.bytes.size;
      const unsigned sign = part.groups.is_signed ? 8 : 0, more = part.packing == WeightPacking::kGptq ? 1 : 0;
      write_nibbles(to.data, row, part.rows, groups, [&](int64_t n, int64_t b) {
        const int64_t index = whole ? n * padded + b : zero_index(part, groups, n, b);
        return ((nibble(from, index) ^ sign) + more) & 15;
      });
    } else {
      const uint8_t sign = part.groups.is_signed ? 0x80 : 0;
      write_values<1>(to.data, row, part.rows, groups, from,
                      [&](int64_t n, int64_t b) { return rows ? n * groups + b : b * part.rows + n; });
      for (size_t i = 0; i < to.bytes.size; ++i) to.data[i] ^= sign;
    }
    return to.bytes;
  }
};

// The columns sorted by group, where that is not the order they are in already.
Bytes order_of(const WeightGroups& groups, int64_t columns, int64_t count) {
  if (!groups.g_idx.size) return {};
  std::vector<int64_t> first(static_cast<size_t>(count) + 1);  // where each group begins
  bool trivial = true;
  for (int64_t k = 0; k < columns; ++k) {
    const int32_t group = read_int(groups.g_idx, k);
    if (group < 0 || group >= count)
      throw range_error("weight: gIdx[" + std::to_string(k) + "] must be below " + std::to_string(count) +
                        ", but it is " + std::to_string(group));
    trivial = trivial && group == k / groups.size;
    ++first[static_cast<size_t>(group) + 1];
  }
  if (trivial) return {};
  for (int64_t b = 0; b < count; ++b) {
    const int64_t held = first[static_cast<size_t>(b) + 1], wanted = std::min(groups.size, columns - b * groups.size);
    if (held != wanted)
      throw Error("ERR_MODEL_UNSUPPORTED", "weight: gIdx must give group " + std::to_string(b) + " " +
                                               std::to_string(wanted) + " columns, but it gives " +
                                               std::to_string(held));
    first[static_cast<size_t>(b) + 1] += first[static_cast<size_t>(b)];
  }
  Owned order = make_bytes(static_cast<size_t>(columns) * 4);
  for (int64_t k = 0; k < columns; ++k) {
    const auto place = first[static_cast<size_t>(read_int(groups.g_idx, k))]++;
    const auto column = static_cast<int32_t>(k);
    std::memcpy(order.data + place * 4, &column, 4);
  }
  return order.bytes;
}

WeightPart repack(WeightPart part, int64_t columns) {
  const bool rows = part.packing == WeightPacking::kRows;
  if (!is_grouped(part.format)) {
    if (!rows) part.data = transpose(part.data, part.rows, columns, row_bytes(part.format, 1));
    part.packing = WeightPacking::kRows;
    return part;
  }
  WeightGroups& groups = part.groups;
  const int64_t count = group_count(part, columns);
  part.order = order_of(groups, columns, count);
  groups.g_idx = {};
  const Repacking repacking{part, columns, count, reinterpret_cast<const int32_t*>(part.order.data)};
  const size_t zeros = zero_bytes(part, columns) * static_cast<size_t>(part.rows);
  WeightPart made = part;
  if (!rows || groups.is_signed || part.order.size) made.data = repacking.data();
  if (groups.zero_type == ZeroType::kPacked && (!rows || groups.is_signed || groups.zeros.size != zeros))
    made.groups.zeros = repacking.zeros();
  if (!rows) {
    const auto bytes = static_cast<size_t>(bits_of(groups.scale_type) / 8);
    made.groups.scales = transpose(groups.scales, part.rows, count, bytes);
    if (groups.zero_type == ZeroType::kFloat) made.groups.zeros = transpose(groups.zeros, part.rows, count, bytes);
  }
  made.packing = WeightPacking::kRows;
  made.groups.is_signed = false;
  return made;
}

}  // namespace

WeightSpec repack(WeightSpec spec) {
  for (WeightPart& part : spec.parts) part = repack(std::move(part), spec.columns);
  return spec;
}

}  // namespace lophi
