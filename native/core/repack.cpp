#include "core/repack.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/parallel.h"
#include "core/transpose.h"

namespace lophi {
namespace {

const uint8_t* at(const Bytes& bytes) { return reinterpret_cast<const uint8_t*>(bytes.data); }

unsigned nibble(const uint8_t* bytes, int64_t index) { return bytes[index / 2] >> (index % 2 * 4) & 15; }

// Calls f(row) for every row on all cores.
template <class F>
void each_row(int64_t rows, F&& f) {
  constexpr int64_t kRows = 64;
  parallel((rows + kRows - 1) / kRows, [&](int64_t piece) {
    for (int64_t n = piece * kRows; n < std::min(rows, (piece + 1) * kRows); ++n) f(n);
  });
}

uint8_t* row_of(const Rows& rows, int64_t n) { return rows.data + static_cast<size_t>(n) * rows.stride; }

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

struct Packed {
  const WeightPart& part;
  int64_t columns, first, count;

  bool rows() const { return part.packing == WeightPacking::kRows; }
  bool int4() const { return part.format == WeightFormat::kInt4; }
  // Turns two's complement into unsigned values.
  uint8_t flip() const { return !part.groups.is_signed ? 0 : int4() ? 0x88 : 0x80; }
  size_t level_bytes(int64_t values) const { return static_cast<size_t>(int4() ? (values + 1) / 2 : values); }
  // A nibble beyond an odd number of values is zero.
  void end_row(uint8_t* row, int64_t values) const {
    if (int4() && values % 2) row[values / 2] &= 15;
  }

  // Rows that lie `stride` bytes apart.
  void copy_rows(const uint8_t* from, size_t stride, size_t bytes, const Rows& to) const {
    each_row(count,
             [&](int64_t n) { std::memcpy(row_of(to, n), from + static_cast<size_t>(first + n) * stride, bytes); });
  }

  void copy_levels(const uint8_t* from, size_t stride, int64_t values, const Rows& to) const {
    const uint8_t bits = flip();
    const size_t bytes = level_bytes(values);
    each_row(count, [&](int64_t n) {
      const uint8_t* source = from + static_cast<size_t>(first + n) * stride;
      uint8_t* row = row_of(to, n);
      if (bits)
        for (size_t i = 0; i < bytes; ++i) row[i] = source[i] ^ bits;
      else
        std::memcpy(row, source, bytes);
      end_row(row, values);
    });
  }

  // The values of rows in their order.
  void order_levels(const uint8_t* from, size_t stride, uint8_t bits, const int32_t* order, const Rows& to) const {
    const auto values = static_cast<size_t>(columns);
    each_row(count, [&](int64_t n) {
      const uint8_t* source = from + static_cast<size_t>(n) * stride;
      std::vector<uint8_t> levels(values), ordered(values);
      if (int4())
        spread_nibbles(source, columns, levels.data());
      else
        std::memcpy(levels.data(), source, values);
      const auto mask = static_cast<uint8_t>(bits & (int4() ? 15 : 255));
      for (size_t k = 0; k < values; ++k)
        ordered[k] = static_cast<uint8_t>(levels[static_cast<size_t>(order[k])] ^ mask);
      if (int4())
        join_nibbles(ordered.data(), columns, row_of(to, n));
      else
        std::memcpy(row_of(to, n), ordered.data(), values);
    });
  }

  // Lines of all rows, one a column or group.
  void turn_levels(const uint8_t* from, int64_t lines, const int32_t* order, const Rows& to) const {
    const Lines source{from, lines, part.rows, first, count, order, flip()};
    if (int4())
      transpose_nibbles(source, part.packing == WeightPacking::kAwq, to);
    else
      transpose(source, 1, to);
  }

  void levels(const int32_t* order, const Rows& to) const {
    const uint8_t* from = at(part.data);
    const size_t stride = row_bytes(part, columns);
    switch (part.packing) {
      case WeightPacking::kRows:
        if (order)
          order_levels(from + static_cast<size_t>(first) * stride, stride, flip(), order, to);
        else
          copy_levels(from, stride, columns, to);
        break;
      case WeightPacking::kColumns:
      case WeightPacking::kAwq:
        turn_levels(from, columns, order, to);
        break;
      case WeightPacking::kGptq:
      case WeightPacking::kGptqV2: {
        // a word holds eight values of a row
        const Lines source{from, columns / 8, part.rows, first, count, nullptr, 0};
        if (!order) return transpose(source, 4, to);
        std::vector<uint8_t> turned(static_cast<size_t>(count) * stride);
        transpose(source, 4, {turned.data(), stride});
        order_levels(turned.data(), stride, 0, order, to);
      }
    }
  }

  void zeros(int64_t groups, const Rows& to) const {
    const uint8_t* from = at(part.groups.zeros);
    const size_t stride = zero_bytes(part, columns);
    if (!rows())
      turn_levels(from, groups, nullptr, to);
    else if (part.groups.zeros.size == stride * static_cast<size_t>(part.rows))
      copy_levels(from, stride, groups, to);
    else
      pad_zeros(from, groups, to);
    if (part.packing == WeightPacking::kGptq) add_one(groups, to);
  }

  // gptq stores zeros less one; nibbles are added without a carry between them.
  void add_one(int64_t groups, const Rows& to) const {
    for (int64_t n = 0; n < count; ++n) {
      uint8_t* row = row_of(to, n);
      for (size_t i = 0; i < level_bytes(groups); ++i)
        row[i] = static_cast<uint8_t>(((row[i] & 0x77) + 0x11) ^ (row[i] & 0x88));
      end_row(row, groups);
    }
  }

  // Nibbles of rows that begin inside a byte.
  void pad_zeros(const uint8_t* from, int64_t groups, const Rows& to) const {
    const unsigned bits = flip() & 15;
    each_row(count, [&](int64_t n) {
      uint8_t* row = row_of(to, n);
      const int64_t start = (first + n) * groups;
      for (int64_t b = 0; b < groups; b += 2) {
        const unsigned low = nibble(from, start + b) ^ bits;
        const unsigned high = b + 1 < groups ? nibble(from, start + b + 1) ^ bits : 0;
        row[b / 2] = static_cast<uint8_t>(low | high << 4);
      }
    });
  }

  // Floats of `size` bytes, `values` of them in a row.
  void floats(const Bytes& from, int64_t values, size_t size, const Rows& to) const {
    const size_t bytes = static_cast<size_t>(values) * size;
    if (rows()) return copy_rows(at(from), bytes, bytes, to);
    transpose({at(from), values, part.rows, first, count, nullptr, 0}, size, to);
  }
};

}  // namespace

void read_packed(const WeightPart& part, const Form& form, int64_t columns, const int32_t* order, int64_t first,
                 int64_t count, const Band& to) {
  const Packed packed{part, columns, first, count};
  const auto size_of = [](DType type) { return static_cast<size_t>(bits_of(type) / 8); };
  if (form.floats) return packed.floats(part.data, columns, size_of(form.type), to[kLow]);
  const int64_t groups = group_count(part, columns);
  packed.levels(order, to[kLow]);
  packed.floats(part.groups.scales, groups, size_of(form.scale_type), to[kScales]);
  if (form.shift == Shift::kZeros) packed.zeros(groups, to[kShiftLow]);
  if (is_float(part.groups.zero_type)) packed.floats(part.groups.zeros, groups, size_of(form.scale_type), to[kShifts]);
}

}  // namespace lophi
