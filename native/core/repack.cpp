#include "core/repack.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "core/error.h"
#include "core/parallel.h"
#include "core/transpose.h"

namespace lophi {
namespace {

const uint8_t* at(const Bytes& bytes) { return reinterpret_cast<const uint8_t*>(bytes.data); }

int32_t read_int(const Bytes& bytes, int64_t index) {
  int32_t value;
  std::memcpy(&value, bytes.data + index * 4, 4);
  return value;
}

unsigned nibble(const uint8_t* bytes, int64_t index) { return bytes[index / 2] >> (index % 2 * 4) & 15; }

// Calls f(row) for every row on all cores.
template <class F>
void each_row(int64_t rows, F&& f) {
  constexpr int64_t kBand = 64;
  parallel((rows + kBand - 1) / kBand, [&](int64_t band) {
    for (int64_t n = band * kBand; n < std::min(rows, (band + 1) * kBand); ++n) f(n);
  });
}

// One value a byte.
void spread_nibbles(const uint8_t* from, int64_t count, uint8_t* to) {
  for (int64_t i = 0; i < count / 2; ++i) {
    to[2 * i] = from[i] & 15;
    to[2 * i + 1] = from[i] >> 4;
  }
  if (count % 2) to[count - 1] = from[count / 2] & 15;
}

void join_nibbles(const uint8_t* from, int64_t count, uint8_t* to) {
  for (int64_t i = 0; i < count / 2; ++i) to[i] = static_cast<uint8_t>(from[2 * i] | from[2 * i + 1] << 4);
  if (count % 2) to[count / 2] = from[count - 1];
}

struct Repacking {
  const WeightPart& part;
  int64_t columns, groups;
  const int32_t* order;  // the column at each place; null: its own
  const HostAllocate& allocate;

  bool int4() const { return part.format == WeightFormat::kInt4; }
  // Turns two's complement into unsigned values.
  uint8_t flip() const { return !part.groups.is_signed ? 0 : int4() ? 0x88 : 0x80; }

  // `rows` rows of `count` values, `stride` bytes apart; what a row has beyond its values is zero.
  HostBytes make_rows(size_t stride, int64_t count) const {
    HostBytes to = allocate(stride * static_cast<size_t>(part.rows));
    const size_t used = int4() ? static_cast<size_t>(count + 1) / 2 : static_cast<size_t>(count);
    if (used < stride)
      for (int64_t n = 0; n < part.rows; ++n)
        std::memset(to.data + static_cast<size_t>(n) * stride + used, 0, stride - used);
    return to;
  }

  // The values of rows in their order; `from` may be `to`.
  void order_rows(const uint8_t* from, const Rows& to) const {
    const auto count = static_cast<size_t>(columns);
    each_row(part.rows, [&](int64_t n) {
      const size_t start = static_cast<size_t>(n) * to.stride;
      std::vector<uint8_t> values(count), ordered(count);
      if (int4())
        spread_nibbles(from + start, columns, values.data());
      else
        std::memcpy(values.data(), from + start, count);
      const auto bits = static_cast<uint8_t>(flip() & (int4() ? 15 : 255));
      for (size_t k = 0; k < count; ++k) {
        const uint8_t value = values[static_cast<size_t>(order[k])];
        ordered[k] = static_cast<uint8_t>(value ^ bits);
      }
      if (int4())
        join_nibbles(ordered.data(), columns, to.data + start);
      else
        std::memcpy(to.data + start, ordered.data(), count);
    });
  }

  Bytes data() const {
    const size_t stride = row_bytes(part, columns);
    HostBytes made = make_rows(stride, columns);
    const uint8_t* from = at(part.data);
    const Rows to{made.data, stride};
    switch (part.packing) {
      case WeightPacking::kRows:
        if (order)
          order_rows(from, to);
        else
          flip_rows(from, to);
        break;
      case WeightPacking::kColumns:
      case WeightPacking::kAwq:
        turn(from, columns, order, to);
        break;
      case WeightPacking::kGptq:
      case WeightPacking::kGptqV2:
        // a word holds eight values of a row
        transpose({from, columns / 8, part.rows, nullptr, 0}, 4, to);
        if (order) order_rows(made.data, to);
    }
    return made.bytes;
  }

  Bytes zeros() const {
    const size_t stride = zero_bytes(part, columns);
    HostBytes made = make_rows(stride, groups);
    const uint8_t* from = at(part.groups.zeros);
    const Rows to{made.data, stride};
    if (part.packing != WeightPacking::kRows)
      turn(from, groups, nullptr, to);
    else if (part.groups.zeros.size == made.bytes.size)
      flip_rows(from, to);
    else
      pad_zeros(from, to);
    // gptq stores them less one; nibbles are added without a carry between them
    if (part.packing == WeightPacking::kGptq)
      for (size_t i = 0; i < made.bytes.size; ++i)
        made.data[i] = static_cast<uint8_t>(((made.data[i] & 0x77) + 0x11) ^ (made.data[i] & 0x88));
    return made.bytes;
  }

  // Lines of all rows, one a column or group.
  void turn(const uint8_t* from, int64_t lines, const int32_t* line_order, const Rows& to) const {
    const Lines source{from, lines, part.rows, line_order, flip()};
    if (int4())
      transpose_nibbles(source, part.packing == WeightPacking::kAwq, to);
    else
      transpose(source, 1, to);
  }

  void flip_rows(const uint8_t* from, const Rows& to) const {
    const uint8_t bits = flip();
    each_row(part.rows, [&](int64_t n) {
      const size_t start = static_cast<size_t>(n) * to.stride;
      for (size_t i = start; i < start + to.stride; ++i) to.data[i] = static_cast<uint8_t>(from[i] ^ bits);
    });
  }

  // Nibbles of rows that begin inside a byte.
  void pad_zeros(const uint8_t* from, const Rows& to) const {
    const unsigned bits = flip() & 15;
    each_row(part.rows, [&](int64_t n) {
      for (int64_t b = 0; b < groups; b += 2) {
        const unsigned low = nibble(from, n * groups + b) ^ bits;
        const unsigned high = b + 1 < groups ? nibble(from, n * groups + b + 1) ^ bits : 0;
        to.data[static_cast<size_t>(n) * to.stride + static_cast<size_t>(b / 2)] =
            static_cast<uint8_t>(low | high << 4);
      }
    });
  }
};

// Floats of `size` bytes, [columns, rows], as rows.
Bytes turn_floats(const Bytes& from, int64_t rows, int64_t columns, size_t size, const HostAllocate& allocate) {
  HostBytes to = allocate(from.size);
  transpose({at(from), columns, rows, nullptr, 0}, size, {to.data, static_cast<size_t>(columns) * size});
  return to.bytes;
}

// The columns sorted by group, where that is not the order they are in already.
Bytes order_of(const WeightGroups& groups, int64_t columns, int64_t count, const HostAllocate& allocate) {
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
  HostBytes order = allocate(static_cast<size_t>(columns) * 4);
  for (int64_t k = 0; k < columns; ++k) {
    const auto place = first[static_cast<size_t>(read_int(groups.g_idx, k))]++;
    const auto column = static_cast<int32_t>(k);
    std::memcpy(order.data + place * 4, &column, 4);
  }
  return order.bytes;
}

WeightPart repack(WeightPart part, int64_t columns, const HostAllocate& allocate) {
  const bool rows = part.packing == WeightPacking::kRows;
  if (!is_grouped(part.format)) {
    if (!rows) part.data = turn_floats(part.data, part.rows, columns, row_bytes(part.format, 1), allocate);
    part.packing = WeightPacking::kRows;
    return part;
  }
  WeightGroups& groups = part.groups;
  const int64_t count = group_count(part, columns);
  part.order = order_of(groups, columns, count, allocate);
  groups.g_idx = {};
  const Repacking repacking{part, columns, count, reinterpret_cast<const int32_t*>(part.order.data), allocate};
  const size_t zeros = zero_bytes(part, columns) * static_cast<size_t>(part.rows);
  WeightPart made = part;
  if (!rows || groups.is_signed || part.order.size) made.data = repacking.data();
  if (groups.zero_type == ZeroType::kPacked && (!rows || groups.is_signed || groups.zeros.size != zeros))
    made.groups.zeros = repacking.zeros();
  if (!rows) {
    const auto bytes = static_cast<size_t>(bits_of(groups.scale_type) / 8);
    made.groups.scales = turn_floats(groups.scales, part.rows, count, bytes, allocate);
    if (is_float(groups.zero_type)) made.groups.zeros = turn_floats(groups.zeros, part.rows, count, bytes, allocate);
  }
  made.packing = WeightPacking::kRows;
  made.groups.is_signed = false;
  return made;
}

}  // namespace

WeightSpec repack(WeightSpec spec, const HostAllocate& allocate) {
  for (WeightPart& part : spec.parts) part = repack(std::move(part), spec.columns, allocate);
  return spec;
}

}  // namespace lophi
