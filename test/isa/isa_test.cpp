// Every entry of every table of native/cpu/isa.h that this processor runs, against loops in double precision.
//   isa_test            checks, prints the instruction sets that ran
//   isa_test NAME       checks that one; exit status 77 where this processor lacks it
//   isa_test --bench [isa [weights]]
// All buffers end at a page that may not be touched.
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "core/error.h"
#include "matrix.h"

using namespace lophi;
using namespace lophi::cpu;
using harness::Guarded;
using harness::Random;

namespace {

int failures = 0;
const char* isa_name = "";

#define CHECK(condition, ...)                                             \
  do {                                                                    \
    if (!(condition)) {                                                   \
      if (++failures <= 20) {                                             \
        std::printf("%s: line %d: %s: ", isa_name, __LINE__, #condition); \
        std::printf(__VA_ARGS__);                                         \
        std::printf("\n");                                                \
      }                                                                   \
    }                                                                     \
  } while (false)

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr WeightFormat kAllFormats[] = {WeightFormat::kFloat32, WeightFormat::kFloat16, WeightFormat::kBfloat16,
                                        WeightFormat::kQ8_0, WeightFormat::kQ4_0};

// ---- 16-bit floats, from their definition

double half_value(uint16_t h) {
  const int exponent = (h >> 10) & 31, fraction = h & 0x3ff;
  const double sign = h & 0x8000 ? -1 : 1;
  if (exponent == 31)
    return fraction ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}
double bfloat_value(uint16_t h) { return std::bit_cast<float>(static_cast<uint32_t>(h) << 16); }

// The nearest of the finite 16-bit floats, which ascend with their bits; ties go to even bits. Infinity follows.
uint16_t nearest(double x, double (*value)(uint16_t), uint16_t infinity) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double size = std::fabs(x);
  uint16_t low = 0, high = infinity;
  while (high - low > 1) {
    const auto middle = static_cast<uint16_t>((low + high) / 2);
    (value(middle) <= size ? low : high) = middle;
  }
  // the number that the bits of infinity would be
  const double above = high == infinity
                           ? 2 * value(static_cast<uint16_t>(infinity - 1)) - value(static_cast<uint16_t>(infinity - 2))
                           : value(high);
  const double to_low = size - value(low), to_high = above - size;
  const bool up = std::isinf(size) || to_high < to_low || (to_high == to_low && (low & 1));
  return static_cast<uint16_t>(sign | (up ? high : low));
}

void test_conversions(const Isa& isa) {
  struct Kind {
    DType dtype;
    double (*value)(uint16_t);
    uint16_t infinity;
  };
  for (const Kind& kind : {Kind{DType::kFloat16, half_value, 0x7c00}, Kind{DType::kBfloat16, bfloat_value, 0x7f80}}) {
    Guarded<uint16_t> halves(65536, 1);
    Guarded<float> floats(65536, 3);
    for (int i = 0; i < 65536; ++i) halves.set(i, static_cast<uint16_t>(i));
    isa.to_float(kind.dtype, halves.bytes(), floats.data(), 65536);
    for (int i = 0; i < 65536; ++i) {
      const double expected = kind.value(static_cast<uint16_t>(i));
      const float y = floats.get(i);
      CHECK(std::isnan(expected) ? std::isnan(y) : y == expected && std::signbit(y) == std::signbit(expected),
            "%04x -> %g", i, y);
    }
    // exact values, ties and their neighbours, numbers beyond the largest, and any bits
    std::vector<float> inputs{kInfinity, -kInfinity, 3.4028235e38f, -3.4028235e38f, 65519.996f,
                              65520.0f,  1e-45f,     -1e-45f,       0.0f,           -0.0f};
    for (int i = 0; i < kind.infinity; ++i) {
      const auto here = kind.value(static_cast<uint16_t>(i)), there = kind.value(static_cast<uint16_t>(i + 1));
      const auto tie = static_cast<float>(std::isinf(there) ? here : (here + there) / 2);
      for (const float x :
           {static_cast<float>(here), tie, std::nextafter(tie, kInfinity), std::nextafter(tie, -kInfinity)}) {
        inputs.push_back(i & 1 ? -x : x);
      }
    }
    Random random(7);
    for (int i = 0; i < 100000; ++i) {
      const float x = std::bit_cast<float>(random.bits());
      if (!std::isnan(x)) inputs.push_back(x);
    }
    const auto n = static_cast<int64_t>(inputs.size());
    Guarded<float> from(n, 2);
    Guarded<uint16_t> to(n, 1);
    for (int64_t i = 0; i < n; ++i) from.set(i, inputs[static_cast<size_t>(i)]);
    isa.from_float(kind.dtype, from.data(), to.bytes(), n);
    for (int64_t i = 0; i < n; ++i) {
      const uint16_t expected = nearest(from.get(i), kind.value, kind.infinity);
      CHECK(to.get(i) == expected, "%a -> %04x, expected %04x", from.get(i), to.get(i), expected);
    }
    // NaN stays NaN even when all its bits lie below the cut
    for (const uint32_t bits : {0x7f800001u, 0x7fc00000u, 0xff800001u, 0xffffffffu, 0x7f801fffu, 0x7fffffffu}) {
      const float x = std::bit_cast<float>(bits);
      uint16_t y = 0;
      isa.from_float(kind.dtype, &x, &y, 1);
      CHECK(std::isnan(kind.value(y)) && (y >> 15) == (bits >> 31), "%08x -> %04x", bits, y);
    }
    // tails
    for (int64_t count = 0; count < 40; ++count) {
      Guarded<uint16_t> short_halves(count, count % 2);
      Guarded<float> short_floats(count, count % 3);
      for (int64_t i = 0; i < count; ++i) short_halves.set(i, static_cast<uint16_t>(0x3c00 + 17 * i));
      isa.to_float(kind.dtype, short_halves.bytes(), short_floats.data(), count);
      for (int64_t i = 0; i < count; ++i) {
        CHECK(short_floats.get(i) == kind.value(short_halves.get(i)), "tail %lld", static_cast<long long>(count));
      }
      Guarded<uint16_t> back(count, 1);
      isa.from_float(kind.dtype, short_floats.data(), back.bytes(), count);
      for (int64_t i = 0; i < count; ++i)
        CHECK(back.get(i) == short_halves.get(i), "tail %lld", static_cast<long long>(count));
    }
  }
  Guarded<float> from(5, 1), to(5, 2), back(5, 3);
  for (int i = 0; i < 5; ++i) from.set(i, 1.5f * static_cast<float>(i));
  isa.to_float(DType::kFloat32, from.bytes(), to.data(), 5);
  isa.from_float(DType::kFloat32, to.data(), back.bytes(), 5);
  CHECK(std::memcmp(from.bytes(), back.bytes(), 20) == 0, "float32 is copied");
}

// ---- weights

// What formats.md 4.4 says of one value.
double weight_value(WeightFormat format, const std::byte* row, int64_t k) {
  const auto u16 = [&](int64_t at) {
    uint16_t v;
    std::memcpy(&v, row + at, 2);
    return v;
  };
  const std::byte* block = row + k / 32 * info_of(format).bytes;
  const int64_t j = k % 32;
  switch (format) {
    case WeightFormat::kFloat32: {
      float v;
      std::memcpy(&v, row + 4 * k, 4);
      return v;
    }
    case WeightFormat::kFloat16:
      return half_value(u16(2 * k));
    case WeightFormat::kBfloat16:
      return bfloat_value(u16(2 * k));
    case WeightFormat::kQ8_0:
      return half_value(u16(block - row)) * static_cast<int8_t>(block[2 + j]);
    case WeightFormat::kQ4_0: {
      const int byte = static_cast<int>(block[2 + j % 16]);
      return half_value(u16(block - row)) * ((j < 16 ? byte & 15 : byte >> 4) - 8);
    }
    default:
      return 0;
  }
}

uint16_t random_half(Random& random) { return nearest(random.uniform(-2, 2), half_value, 0x7c00); }

// Rows of random weights; `whole` takes small integers and scales of one, so that sums are exact in float32.
void fill_weights(WeightFormat format, std::byte* row, int64_t k, Random& random, bool whole) {
  if (info_of(format).block == 1) {
    for (int64_t i = 0; i < k; ++i) {
      const float v = whole ? static_cast<float>(random.integer(-8, 8)) : random.uniform(-1, 1);
      if (format == WeightFormat::kFloat32) {
        std::memcpy(row + 4 * i, &v, 4);
      } else {
        const uint16_t h =
            format == WeightFormat::kFloat16 ? nearest(v, half_value, 0x7c00) : nearest(v, bfloat_value, 0x7f80);
        std::memcpy(row + 2 * i, &h, 2);
      }
    }
    return;
  }
  const int64_t size = info_of(format).bytes;
  for (int64_t b = 0; b < k / 32; ++b) {
    const uint16_t scale = whole ? 0x3c00 : random_half(random);
    std::memcpy(row + b * size, &scale, 2);
    // -128, which our own writer never makes, comes from foreign files
    for (int64_t i = 2; i < size; ++i)
      row[b * size + i] = random.bits() % 8 ? static_cast<std::byte>(random.bits()) : std::byte{0x80};
  }
}

// Where a block has its scale and minimum, and the bytes of its values.
struct Layout {
  WeightFormat format;
  int d, m, from, to;
};
constexpr Layout kLayouts[] = {
    {WeightFormat::kQ8_0, 0, -1, 2, 34},    {WeightFormat::kQ4_0, 0, -1, 2, 18},   {WeightFormat::kQ4_1, 0, 2, 4, 20},
    {WeightFormat::kQ5_0, 0, -1, 2, 22},    {WeightFormat::kQ5_1, 0, 2, 4, 24},    {WeightFormat::kQ2K, 80, 82, 16, 80},
    {WeightFormat::kQ3K, 108, -1, 0, 96},   {WeightFormat::kQ4K, 0, 2, 16, 144},   {WeightFormat::kQ5K, 0, 2, 16, 176},
    {WeightFormat::kQ6K, 208, -1, 0, 192},  {WeightFormat::kIq4Nl, 0, -1, 2, 18},  {WeightFormat::kIq4Xs, 0, -1, 8, 136},
};

// Rows of random blocks; `whole` takes scales and minima of one.
void fill_blocks(const Layout& layout, std::byte* row, int64_t k, Random& random, bool whole) {
  const auto [block, size] = std::pair{info_of(layout.format).block, info_of(layout.format).bytes};
  for (std::byte* at = row; at < row + k / block * size; at += size) {
    // -128, which our own writer never makes, comes from foreign files
    for (int i = 0; i < size; ++i) at[i] = random.bits() % 8 ? static_cast<std::byte>(random.bits()) : std::byte{0x80};
    for (const int half : {layout.d, layout.m}) {
      const uint16_t scale = whole ? 0x3c00 : random_half(random);
      if (half >= 0) std::memcpy(at + half, &scale, 2);
    }
  }
}

uint64_t fnv1a(const void* data, size_t size) {
  uint64_t hash = 1469598103934665603u;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<const uint8_t*>(data)[i]) * 1099511628211u;
  return hash;
}

void test_dequantize(const Isa& isa) {
  // Four blocks of generated bytes and the hash of their values, as ggml gives them. d and m: where the scales lie.
  struct Golden {
    WeightFormat format;
    int d, m;
    uint64_t hash;
  };
  for (const auto& [format, d, m, hash] : {Golden{WeightFormat::kQ4_0, 0, -1, 0xc006c8101d2e3140u},
                                           Golden{WeightFormat::kQ4_1, 0, 2, 0x5cc75aaa1be953a1u},
                                           Golden{WeightFormat::kQ5_0, 0, -1, 0x1d792d2ef4fe491du},
                                           Golden{WeightFormat::kQ5_1, 0, 2, 0x8d29b9b9ada336a0u},
                                           Golden{WeightFormat::kQ8_0, 0, -1, 0x23cc8f8bfb9f9a88u},
                                           Golden{WeightFormat::kQ2K, 80, 82, 0xec260cfb5588a6d8u},
                                           Golden{WeightFormat::kQ3K, 108, -1, 0x4050b9660afb25cfu},
                                           Golden{WeightFormat::kQ4K, 0, 2, 0xd2e1864f0ba8c03au},
                                           Golden{WeightFormat::kQ5K, 0, 2, 0x6b684ec4273371f1u},
                                           Golden{WeightFormat::kQ6K, 208, -1, 0x9cb3d4fa2828bc27u},
                                           Golden{WeightFormat::kIq4Nl, 0, -1, 0x939fc0d65ecd3ef5u},
                                           Golden{WeightFormat::kIq4Xs, 0, -1, 0x4efc3be42ffa0382u}}) {
    const int64_t size = info_of(format).bytes, n = 4 * info_of(format).block;
    Guarded<std::byte> blocks(4 * size, 1);
    uint32_t s = 1;
    for (int64_t i = 0; i < 4 * size; ++i) {
      s = s * 1664525u + 1013904223u;
      blocks.set(i, static_cast<std::byte>(s >> 24));
    }
    for (int b = 0; b < 4; ++b) {
      const auto scale = static_cast<uint16_t>(0x2400 + 0x111 * b), other = static_cast<uint16_t>(0x2000 + 0x123 * b);
      std::memcpy(blocks.bytes() + b * size + d, &scale, 2);
      if (m >= 0) std::memcpy(blocks.bytes() + b * size + m, &other, 2);
    }
    Guarded<float> values(n, 0);
    isa.dequantize({format, blocks.bytes(), 0}, values.data(), n);
    const uint64_t got = fnv1a(values.bytes(), static_cast<size_t>(n) * 4);
    CHECK(got == hash, "%s: hash %016llx", name_of(format), static_cast<unsigned long long>(got));
    // the beginning of a row alone
    for (const int64_t count : {int64_t{1}, int64_t{17}, n - 3}) {
      Guarded<float> some(count, 1);
      isa.dequantize({format, blocks.bytes(), 0}, some.data(), count);
      CHECK(std::memcmp(some.bytes(), values.bytes(), static_cast<size_t>(count) * 4) == 0, "%s: %lld values",
            name_of(format), static_cast<long long>(count));
    }
  }
  Random random(11);
  for (const WeightFormat format : kAllFormats) {
    for (const int64_t n : {1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 96, 100, 257}) {
      const int64_t whole = (n + info_of(format).block - 1) / info_of(format).block * info_of(format).block;
      Guarded<std::byte> from(static_cast<int64_t>(row_bytes(format, whole)), static_cast<size_t>(n % 3));
      Guarded<float> to(n, static_cast<size_t>(n % 4));
      fill_weights(format, from.bytes(), whole, random, false);
      isa.dequantize({format, from.bytes(), 0}, to.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        const double expected = weight_value(format, from.bytes(), i);
        CHECK(to.get(i) == static_cast<float>(expected), "%s[%lld] of %lld", name_of(format),
              static_cast<long long>(i), static_cast<long long>(n));
      }
    }
  }
}

// A matrix of int4 or int8 with everything that lies beside it, in buffers of exactly its size.
struct Grouped {
  int64_t columns, group, groups, row, zero_row;
  int bits;
  DType scale_type;
  ZeroType zero_type;
  Guarded<std::byte> data, scales, zeros;

  Grouped(int bits, int64_t rows, int64_t columns, int64_t group, DType scale_type, ZeroType zero_type, Random& random)
      : columns(columns),
        group(group),
        groups((columns + group - 1) / group),
        row(groups * ((group * bits + 7) / 8)),
        zero_row(is_float(zero_type) ? groups * bits_of(scale_type) / 8 : (groups * bits + 7) / 8),
        bits(bits),
        scale_type(scale_type),
        zero_type(zero_type),
        data(rows * row),
        scales(rows * groups * bits_of(scale_type) / 8),
        zeros(rows * zero_row) {
    for (int64_t i = 0; i < data.count(); ++i) data.set(i, static_cast<std::byte>(random.bits()));
    for (int64_t i = 0; i < zeros.count(); ++i) zeros.set(i, static_cast<std::byte>(random.bits()));
    for (int64_t i = 0; i < rows * groups; ++i) set(scales, i, random.uniform(-1, 1));
    for (int64_t i = 0; is_float(zero_type) && i < rows * groups; ++i) set(zeros, i, random.uniform(0, 15));
  }
  void set(Guarded<std::byte>& to, int64_t i, float value) {
    const uint16_t half = scale_type == DType::kFloat16 ? nearest(value, half_value, 0x7c00)
                                                        : nearest(value, bfloat_value, 0x7f80);
    if (scale_type == DType::kFloat32) std::memcpy(to.bytes() + 4 * i, &value, 4);
    else std::memcpy(to.bytes() + 2 * i, &half, 2);
  }
  float get(const Guarded<std::byte>& from, int64_t i) {
    float value;
    uint16_t half;
    if (scale_type == DType::kFloat32) return std::memcpy(&value, &const_cast<Guarded<std::byte>&>(from).bytes()[4 * i], 4), value;
    std::memcpy(&half, &const_cast<Guarded<std::byte>&>(from).bytes()[2 * i], 2);
    return static_cast<float>(scale_type == DType::kFloat16 ? half_value(half) : bfloat_value(half));
  }
  int level(const Guarded<std::byte>& from, int64_t at, int64_t i) {
    const auto byte = [&](int64_t b) { return static_cast<int>(from.get(b)); };
    return bits == 8 ? byte(at + i) : byte(at + i / 2) >> (i % 2 * 4) & 15;
  }
  float value(int64_t n, int64_t k) {
    const int64_t b = k / group;
    const float zero = zero_type == ZeroType::kNone    ? (bits == 4 ? 8.0f : 128.0f)
                       : is_float(zero_type)           ? get(zeros, n * groups + b)
                                                       : static_cast<float>(level(zeros, n * zero_row, b));
    const auto q = static_cast<float>(level(data, n * row, k));
    if (zero_type == ZeroType::kOffset) return q * get(scales, n * groups + b) + zero;
    const float difference = q - zero;
    return difference * get(scales, n * groups + b);
  }
  // What a value is where its level is the middle one.
  float offset(int64_t n, int64_t k) {
    const float middle = bits == 4 ? 8 : 128, level_scale = get(scales, n * groups + k / group);
    return value(n, k) + (middle - static_cast<float>(level(data, n * row, k))) * level_scale;
  }
  WeightRows rows() {
    const bool none = zero_type == ZeroType::kNone;
    return {bits == 4 ? WeightFormat::kInt4 : WeightFormat::kInt8,
            data.bytes(),
            static_cast<size_t>(row),
            group,
            scale_type,
            zero_type,
            scales.bytes(),
            none ? nullptr : zeros.bytes(),
            static_cast<size_t>(groups * bits_of(scale_type) / 8),
            static_cast<size_t>(zero_row)};
  }
};

void test_groups(const Isa& isa) {
  Random random(31);
  for (const int bits : {4, 8}) {
    for (const DType type : {DType::kFloat32, DType::kFloat16, DType::kBfloat16}) {
      for (const ZeroType zeros : {ZeroType::kNone, ZeroType::kPacked, ZeroType::kFloat, ZeroType::kOffset}) {
        for (const auto& [columns, group] :
             {std::pair{96, 32}, {45, 45}, {45, 16}, {40, 64}, {384, 128}, {1, 1}, {50, 50}}) {
          constexpr int64_t kRows = 21;
          Grouped w(bits, kRows, columns, group, type, zeros, random);
          Guarded<float> row(columns, 1), x(20 * columns, 1), y(20 * kRows, 2);
          isa.dequantize(w.rows(), row.data(), columns);
          for (int64_t k = 0; k < columns; ++k)
            // an offset may be added without rounding the product first
            CHECK(zeros == ZeroType::kOffset ? std::fabs(row.get(k) - w.value(0, k)) <= 2e-5f : row.get(k) == w.value(0, k),
                  "int%d [%d], groups of %d: %lld", bits, columns, group,
                  static_cast<long long>(k));
          for (int64_t i = 0; i < x.count(); ++i) x.set(i, random.uniform(-1, 1));
          for (const int64_t m : {1, 3, 20}) {
            isa.matmul(w.rows(), x.data(), columns, y.data(), kRows, m, kRows, columns);
            for (int64_t i = 0; i < m; ++i) {
              for (int64_t n = 0; n < kRows; ++n) {
                double exact = 0, size = 0;
                for (int64_t k = 0; k < columns; ++k) {
                  const double xi = x.get(i * columns + k), scale = w.get(w.scales, n * w.groups + k / group);
                  exact += w.value(n, k) * xi;
                  // of one row the levels, their middle and the offset are summed apart: each rounds by its own size
                  const int level = w.level(w.data, n * w.row, k), middle = bits == 4 ? 8 : 0;
                  const double levels = std::fabs(scale * (bits == 4 ? level : level - 128)) + std::fabs(scale * middle);
                  size += std::fabs(xi) * (m == 1 ? levels + std::fabs(w.offset(n, k)) : std::fabs(w.value(n, k)));
                }
                CHECK(std::fabs(y.get(i * kRows + n) - exact) <= 1e-6 * size, "int%d [%lld, %lld] of %d columns", bits,
                      static_cast<long long>(i), static_cast<long long>(n), columns);
              }
            }
          }
        }
      }
    }
  }
}

// Products with block formats that become float32 first: dequantize, which the hashes above check, gives the values.
void test_widened(const Isa& isa) {
  Random random(37);
  for (const Layout& layout : kLayouts) {
    const WeightFormat f = layout.format;
    const int64_t k = 3 * info_of(f).block, stride = static_cast<int64_t>(row_bytes(f, k)) + 1;
    constexpr int64_t kRows = 37;
    Guarded<std::byte> w((kRows - 1) * stride + stride - 1, 1);
    for (int64_t n = 0; n < kRows; ++n) fill_blocks(layout, w.bytes() + n * stride, k, random, false);
    Guarded<float> row(k, 0), x(20 * k, 1), y(20 * kRows, 2);
    for (int64_t i = 0; i < x.count(); ++i) x.set(i, random.uniform(-1, 1));
    for (const int64_t m : {1, 4, 20}) {
      isa.matmul({f, w.bytes(), static_cast<size_t>(stride)}, x.data(), k, y.data(), kRows, m, kRows, k);
      for (int64_t n = 0; n < kRows; ++n) {
        isa.dequantize({f, w.bytes() + n * stride, 0}, row.data(), k);
        for (int64_t i = 0; i < m; ++i) {
          double exact = 0, total = 0;
          for (int64_t c = 0; c < k; ++c) {
            const double product = static_cast<double>(row.get(c)) * x.get(i * k + c);
            exact += product;
            total += std::fabs(product);
          }
          CHECK(std::fabs(y.get(i * kRows + n) - exact) <= 1e-6 * total, "%s m %lld [%lld, %lld]", name_of(f),
                static_cast<long long>(m), static_cast<long long>(i), static_cast<long long>(n));
        }
      }
    }
  }
}

struct Quantized {
  Guarded<int8_t> values;
  Guarded<float> scales;
  Guarded<int32_t> sums;
  Quantized(int64_t rows, int64_t k) : values(rows * k, 1), scales(rows * k / 32, 3), sums(rows * k / 16, 2) {}
  Int8Rows rows() { return {values.data(), scales.data(), sums.data()}; }
};

void test_quantize_int8(const Isa& isa) {
  Random random(13);
  const int64_t k = 32 * 40;
  Guarded<float> x(k, 1);
  Quantized y(1, k);
  for (int64_t i = 0; i < k; ++i) x.set(i, random.uniform(-1, 1) * std::exp2(static_cast<float>(i / 32 - 20)));
  // halves between two integers go to the even one
  for (int i = 0; i < 32; ++i) x.set(64 + i, i == 0 ? 127.0f : static_cast<float>(i) + 0.5f - 16.0f);
  for (int i = 0; i < 32; ++i) x.set(96 + i, i % 2 ? -0.0f : 0.0f);
  for (int i = 0; i < 32; ++i) x.set(128 + i, 1e-40f);
  x.set(160 + 5, kNan);
  x.set(192 + 6, -kInfinity);
  isa.quantize_int8(x.data(), k, y.values.data(), y.scales.data(), y.sums.data());
  for (int64_t b = 0; b < k / 32; ++b) {
    float largest = 0;
    bool finite = true;
    for (int64_t i = 32 * b; i < 32 * b + 32; ++i) {
      largest = std::fmax(largest, std::fabs(x.get(i)));
      finite = finite && std::isfinite(x.get(i));
    }
    const bool tiny = largest < 0x1p-120f;
    const float factor = finite && !tiny ? 127.0f / largest : 0.0f;
    CHECK(!finite ? std::isnan(y.scales.get(b)) : y.scales.get(b) == (tiny ? 0.0f : largest / 127.0f),
          "scale of group %lld", static_cast<long long>(b));
    int32_t sums[2] = {0, 0};
    for (int64_t i = 32 * b; i < 32 * b + 32; ++i) {
      const float product = x.get(i) * factor;
      const int expected = finite ? static_cast<int>(std::nearbyint(product)) : 0;
      CHECK(y.values.get(i) == expected && expected >= -127 && expected <= 127, "value %lld is %d, expected %d",
            static_cast<long long>(i), y.values.get(i), expected);
      sums[i / 16 % 2] += expected;
    }
    for (int half = 0; half < 2; ++half)
      CHECK(y.sums.get(2 * b + half) == sums[half], "sum of half %d of group %lld", half, static_cast<long long>(b));
  }
}

// ---- products

// Few rows and many, so that tiles of every height end up in panels too.
constexpr int64_t kRowCounts[] = {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 16, 17, 18, 19, 20, 21, 24};

struct Sizes {
  int64_t m, n, k;
};

// |y - exact| <= kBound * sum of |x w|: float32 sums of up to 2500 terms in several chains.
constexpr double kBound = 1e-6;

void test_matmul_case(const Isa& isa, WeightFormat format, Sizes s, size_t slack, bool whole) {
  Random random(static_cast<uint32_t>(s.m * 1000003 + s.n * 1009 + s.k + slack));
  const auto [m, n, k] = s;
  const int64_t ldx = k + static_cast<int64_t>(slack), ldy = n + 2 * static_cast<int64_t>(slack);
  const auto stride = static_cast<int64_t>(row_bytes(format, k) + slack);
  Guarded<std::byte> w((n - 1) * stride + static_cast<int64_t>(row_bytes(format, k)), slack);
  Guarded<float> x((m - 1) * ldx + k, slack), y((m - 1) * ldy + n, slack);
  for (int64_t j = 0; j < n; ++j) fill_weights(format, w.bytes() + j * stride, k, random, whole);
  for (int64_t i = 0; i < x.count(); ++i)
    x.set(i, whole ? static_cast<float>(random.integer(-8, 8)) : random.uniform(-1, 1));
  y.fill(kNan);
  isa.matmul({format, w.bytes(), static_cast<size_t>(stride)}, x.data(), ldx, y.data(), ldy, m, n, k);
  std::vector<double> row(static_cast<size_t>(k));
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t c = 0; c < k; ++c) row[static_cast<size_t>(c)] = weight_value(format, w.bytes() + j * stride, c);
    for (int64_t i = 0; i < m; ++i) {
      double exact = 0, size = 0;
      for (int64_t c = 0; c < k; ++c) {
        const double product = row[static_cast<size_t>(c)] * x.get(i * ldx + c);
        exact += product;
        size += std::fabs(product);
      }
      const double error = std::fabs(y.get(i * ldy + j) - exact);
      CHECK(error <= (whole ? 0 : kBound * size), "%s m %lld n %lld k %lld slack %zu: y[%lld, %lld] is %g, expected %g",
            name_of(format), static_cast<long long>(m), static_cast<long long>(n), static_cast<long long>(k),
            slack, static_cast<long long>(i), static_cast<long long>(j), y.get(i * ldy + j), exact);
    }
  }
  for (int64_t i = 0; i + 1 < m; ++i) {
    for (int64_t j = n; j < ldy; ++j)
      CHECK(std::isnan(y.get(i * ldy + j)), "written beyond row %lld", static_cast<long long>(i));
  }
}

void test_matmul(const Isa& isa) {
  for (const WeightFormat format : kAllFormats) {
    const bool blocks = info_of(format).block == 32;
    for (const int64_t m : kRowCounts) {
      for (const int64_t n : {1, 3, 4, 5, 8, 15, 17, 33, 63, 65, 81}) {
        const int64_t k = blocks ? 32 * (1 + (m + n) % 5) : 1 + (m * 37 + n * 11) % 133;
        test_matmul_case(isa, format, {m, n, k}, 0, true);
        test_matmul_case(isa, format, {m, n, k}, 1 + static_cast<size_t>(n % 3), false);
      }
    }
    // several passes over k, of odd length where the format allows it
    for (const int64_t m : {1, 4, 14, 20}) test_matmul_case(isa, format, {m, 70, blocks ? 2080 : 2051}, 1, false);
    for (const int64_t m : {1, 20}) test_matmul_case(isa, format, {m, 21, blocks ? 1056 : 1029}, 0, true);
    if (!blocks) {
      for (int64_t k = 1; k < 70; ++k) test_matmul_case(isa, format, {1 + k % 9, 6, k}, 2, true);
    }
  }
}

// A product over no columns is 0, whatever the format.
void test_no_columns(const Isa& isa) {
  float x[1] = {}, y[40 * 40];
  for (const harness::Matrix& matrix : harness::all_matrices()) {
    for (const int64_t m : {1, 3, 40}) {
      for (const int64_t n : {1, 4, 40}) {
        for (float& v : y) v = kNan;
        isa.matmul(matrix.rows(nullptr, n, 0, 0), x, 0, y, n, m, n, 0);
        for (int64_t i = 0; i < m * n; ++i)
          CHECK(y[i] == 0.0f, "%s m %lld n %lld", matrix.name().c_str(), static_cast<long long>(m),
                static_cast<long long>(n));
        if (!takes_int8(matrix.rows(nullptr, n, 0, 0), 0)) continue;
        for (float& v : y) v = kNan;
        isa.matmul_int8(matrix.rows(nullptr, n, 0, 0), {}, y, n, m, n, 0);
        for (int64_t i = 0; i < m * n; ++i)
          CHECK(y[i] == 0.0f, "%s on int8, m %lld n %lld", matrix.name().c_str(), static_cast<long long>(m),
                static_cast<long long>(n));
      }
    }
  }
}

// Seconds of a product of one matrix, the best of several.
double time_of(const Isa& isa, const harness::Matrix& matrix, std::byte* data, bool int8, int64_t m, int64_t n,
               int64_t k) {
  Quantized x(m, k);
  Guarded<float> floats(m * k, 0), y(m * n, 0);
  floats.fill(0.5f);
  for (int64_t i = 0; i < m; ++i)
    isa.quantize_int8(floats.data() + i * k, k, x.values.data() + i * k, x.scales.data() + i * k / 32,
                      x.sums.data() + i * k / 16);
  const WeightRows rows = matrix.rows(data, n, k, 0);
  double best = kInfinity;
  for (int turn = 0; turn < 7; ++turn) {
    const double begin = harness::thread_seconds();
    if (int8)
      isa.matmul_int8(rows, x.rows(), y.data(), n, m, n, k);
    else
      isa.matmul(rows, floats.data(), k, y.data(), n, m, n, k);
    best = std::fmin(best, harness::thread_seconds() - begin);
  }
  return best;
}

// No format takes much longer than q4_0, whose loops are the ones that everybody looks at.
void test_speed(const Isa& isa) {
  const bool plain = std::string(isa.name) == "scalar";
  const int64_t n = 128, k = 2048;
  const double limit = plain ? 8 : 4;
  std::vector<std::byte> data(static_cast<size_t>(n * k * 4 + 64));
  for (const int64_t m : {int64_t{1}, int64_t{plain ? 8 : 128}}) {
    for (const bool int8 : {false, true}) {
      const auto time = [&](const harness::Matrix& matrix) {
        fill(data.data(), matrix, n, k);
        return time_of(isa, matrix, data.data(), int8, m, n, k);
      };
      const double measure = time({WeightFormat::kQ4_0});
      for (const harness::Matrix& matrix : harness::all_matrices()) {
        if (int8 && !takes_int8(matrix.rows(data.data(), n, k, 0), k)) continue;
        const double ratio = time(matrix) / measure;
        CHECK(ratio <= limit, "%s%s takes %.1f times as long as q4_0 for %lld rows", matrix.name().c_str(),
              int8 ? " on int8" : "", ratio, static_cast<long long>(m));
      }
    }
  }
}

enum class Numbers { kAny, kWhole, kLowest, kHighest };

// A weight as matmul_int8 takes it and what its rows are: value = (value - offset) + offset, which are multiplied apart.
struct Weights {
  WeightRows rows;
  std::vector<float> values, offsets;  // [n, k]
};

void test_int8_case(const Isa& isa, const Weights& w, Sizes s, size_t slack, Numbers numbers) {
  Random random(static_cast<uint32_t>(s.m * 1000003 + s.n * 1009 + s.k));
  const auto [m, n, k] = s;
  const int64_t ldy = n + static_cast<int64_t>(slack);
  Quantized x(m, k);
  Guarded<float> y((m - 1) * ldy + n, slack);
  const bool exactly = numbers != Numbers::kAny;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t b = 0; b < k / 32; ++b) {
      int32_t sums[2] = {0, 0};
      for (int64_t c = 0; c < 32; ++c) {
        int64_t v = random.integer(-127, 127);
        if (numbers == Numbers::kLowest || numbers == Numbers::kHighest) v = (i + b) % 2 ? -127 : 127;
        x.values.set(i * k + 32 * b + c, static_cast<int8_t>(v));
        sums[c / 16] += static_cast<int32_t>(v);
      }
      for (int half = 0; half < 2; ++half) x.sums.set((i * (k / 32) + b) * 2 + half, sums[half]);
      x.scales.set(i * (k / 32) + b, exactly ? 1.0f : random.uniform(0, 0.1f));
    }
  }
  y.fill(kNan);
  isa.matmul_int8(w.rows, x.rows(), y.data(), ldy, m, n, k);
  // only blocks of 32 have sums that float32 holds exactly
  const double bound = exactly && info_of(w.rows.format).block == 32 ? 0 : kBound;
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = 0; i < m; ++i) {
      double exact = 0, total = 0;
      for (int64_t c = 0; c < k; ++c) {
        const auto at = static_cast<size_t>(j * k + c);
        const double activation =
            static_cast<double>(x.values.get(i * k + c)) * x.scales.get(i * (k / 32) + c / 32);
        exact += activation * w.values[at];
        total += std::fabs(activation) * (std::fabs(w.values[at] - w.offsets[at]) + std::fabs(w.offsets[at]));
      }
      const double error = std::fabs(y.get(i * ldy + j) - exact);
      CHECK(error <= bound * total, "%s m %lld n %lld k %lld numbers %d: y[%lld, %lld] is %g, expected %g",
            name_of(w.rows.format), static_cast<long long>(m), static_cast<long long>(n),
            static_cast<long long>(k), static_cast<int>(numbers), static_cast<long long>(i), static_cast<long long>(j),
            y.get(i * ldy + j), exact);
    }
  }
  for (int64_t i = 0; i + 1 < m; ++i) {
    for (int64_t j = n; j < ldy; ++j)
      CHECK(std::isnan(y.get(i * ldy + j)), "written beyond row %lld", static_cast<long long>(i));
  }
}

void test_int8_blocks(const Isa& isa, const Layout& layout, Sizes s, size_t slack, Numbers numbers) {
  Random random(static_cast<uint32_t>(s.m * 1000003 + s.n * 1009 + s.k));
  const auto [m, n, k] = s;
  const FormatInfo& info = info_of(layout.format);
  const auto bytes = static_cast<int64_t>(row_bytes(layout.format, k)), stride = bytes + static_cast<int64_t>(slack);
  Guarded<std::byte> w((n - 1) * stride + bytes, slack), zero(bytes, 1);
  Weights weights{{layout.format, w.bytes(), static_cast<size_t>(stride)}, {}, {}};
  weights.values.resize(static_cast<size_t>(n * k));
  weights.offsets.resize(static_cast<size_t>(n * k));
  const auto set_values = [&](std::byte* row, std::byte value) {
    for (int64_t i = 0; i < bytes; ++i)
      if (i % info.bytes >= layout.from && i % info.bytes < layout.to) row[i] = value;
  };
  for (int64_t j = 0; j < n; ++j) {
    std::byte* row = w.bytes() + j * stride;
    fill_blocks(layout, row, k, random, numbers != Numbers::kAny);
    // the extremes of the format, against activations of +-127
    const bool bytewise = layout.format == WeightFormat::kQ8_0;
    if (numbers == Numbers::kLowest) set_values(row, bytewise ? std::byte{0x80} : std::byte{0});
    if (numbers == Numbers::kHighest) set_values(row, bytewise ? std::byte{0x7f} : std::byte{0xff});
    isa.dequantize({layout.format, row, 0}, &weights.values[static_cast<size_t>(j * k)], k);
    if (layout.m < 0) continue;
    std::memcpy(zero.bytes(), row, static_cast<size_t>(bytes));
    set_values(zero.bytes(), std::byte{0});
    isa.dequantize({layout.format, zero.bytes(), 0}, &weights.offsets[static_cast<size_t>(j * k)], k);
  }
  test_int8_case(isa, weights, s, slack, numbers);
}

void test_matmul_int8(const Isa& isa) {
  for (const Layout& layout : kLayouts) {
    const int64_t block = info_of(layout.format).block, lengths = block == 32 ? 11 : 2;
    for (const int64_t m : kRowCounts) {
      for (const int64_t n : {1, 3, 4, 5, 8, 15, 17, 33, 63, 65, 81}) {
        if (block > 32 && (m + n) % 3 != 0) continue;  // they take long
        const int64_t k = block * (1 + (m + n) % lengths);
        test_int8_blocks(isa, layout, {m, n, k}, 1, Numbers::kWhole);
        test_int8_blocks(isa, layout, {m, n, k}, 0, Numbers::kAny);
      }
    }
    const int64_t passes = block == 32 ? 2080 : 2304;
    for (const int64_t m : {1, 4, 14, 20}) test_int8_blocks(isa, layout, {m, 70, passes}, 2, Numbers::kAny);
    for (const int64_t m : {1, 2, 20}) {
      for (const Numbers numbers : {Numbers::kLowest, Numbers::kHighest})
        test_int8_blocks(isa, layout, {m, 19, block == 32 ? 192 : 512}, 0, numbers);
    }
  }
}

void test_int8_groups(const Isa& isa) {
  Random random(41);
  for (const int bits : {4, 8}) {
    for (const DType type : {DType::kFloat32, DType::kFloat16, DType::kBfloat16}) {
      for (const ZeroType zeros : {ZeroType::kNone, ZeroType::kPacked, ZeroType::kFloat, ZeroType::kOffset}) {
        for (const auto& [k, group] :
             {std::pair{96, 32}, {544, 32}, {416, 64}, {416, 128}, {1152, 128}, {160, 160}}) {
          constexpr int64_t kRows = 70;
          Grouped w(bits, kRows, k, group, type, zeros, random);
          Weights weights{w.rows(), {}, {}};
          for (int64_t n = 0; n < kRows; ++n) {
            for (int64_t c = 0; c < k; ++c) {
              weights.values.push_back(w.value(n, c));
              weights.offsets.push_back(zeros == ZeroType::kNone ? 0.0f : w.offset(n, c));
            }
          }
          CHECK(takes_int8(weights.rows, k), "groups of %d", group);
          for (const int64_t m : {1, 3, 20}) {
            for (const int64_t n : {int64_t{5}, kRows}) test_int8_case(isa, weights, {m, n, k}, 1, Numbers::kAny);
          }
        }
      }
    }
  }
}

void test_takes_int8() {
  const auto takes = [](WeightFormat format, int64_t k, int64_t group) {
    return takes_int8({format, nullptr, 0, group}, k);
  };
  CHECK(!takes(WeightFormat::kFloat16, 64, 0) && takes(WeightFormat::kQ4_0, 64, 0) && takes(WeightFormat::kQ6K, 256, 0),
        "files' formats");
  CHECK(takes(WeightFormat::kInt4, 64, 32) && !takes(WeightFormat::kInt4, 64, 16) && !takes(WeightFormat::kInt4, 80, 32),
        "int4");
  CHECK(takes(WeightFormat::kInt8, 96, 96) && !takes(WeightFormat::kInt8, 64, 16) && !takes(WeightFormat::kInt8, 50, 50),
        "int8");
}

void test_accumulate(const Isa& isa) {
  Random random(17);
  for (const DType dtype : {DType::kFloat32, DType::kFloat16}) {
    for (const int64_t d : {1, 3, 8, 15, 16, 31, 33, 64, 96, 100, 128, 200}) {
      for (const int64_t m : {1, 2, 4, 5, 9}) {
        for (const int64_t l : {0, 1, 2, 37}) {
          const bool whole = (d + m + l) % 2 == 0;
          const size_t slack = static_cast<size_t>(d % 3);
          const int64_t ldp = l + 3, ldy = d + static_cast<int64_t>(slack), size = bits_of(dtype) / 8;
          Guarded<std::byte> v(l * d * size, slack);
          Guarded<float> p((m - 1) * ldp + l, slack), y((m - 1) * ldy + d, slack), before((m - 1) * ldy + d, 0);
          const WeightFormat format = dtype == DType::kFloat32 ? WeightFormat::kFloat32 : WeightFormat::kFloat16;
          fill_weights(format, v.bytes(), l * d, random, whole);
          for (int64_t i = 0; i < p.count(); ++i)
            p.set(i, whole ? static_cast<float>(random.integer(-8, 8)) : random.uniform(0, 1));
          for (int64_t i = 0; i < y.count(); ++i) {
            before.set(i, whole ? static_cast<float>(random.integer(-8, 8)) : random.uniform(-1, 1));
            y.set(i, before.get(i));
          }
          isa.accumulate(dtype, v.bytes(), p.data(), ldp, y.data(), ldy, m, l, d);
          for (int64_t i = 0; i < m; ++i) {
            for (int64_t c = 0; c < ldy && i * ldy + c < y.count(); ++c) {
              double exact = before.get(i * ldy + c), total = std::fabs(exact);
              for (int64_t j = 0; c < d && j < l; ++j) {
                const double product = p.get(i * ldp + j) * weight_value(format, v.bytes(), j * d + c);
                exact += product;
                total += std::fabs(product);
              }
              CHECK(std::fabs(y.get(i * ldy + c) - exact) <= (whole || c >= d ? 0 : kBound * total),
                    "%s m %lld l %lld d %lld [%lld, %lld]", name_of(dtype), static_cast<long long>(m),
                    static_cast<long long>(l), static_cast<long long>(d), static_cast<long long>(i),
                    static_cast<long long>(c));
            }
          }
        }
      }
    }
  }
}

// ---- rows

void test_rows(const Isa& isa) {
  Random random(19);
  for (int64_t n = 0; n < 300; n += n < 140 ? 1 : 53) {
    const size_t slack = static_cast<size_t>(n % 4);
    Guarded<float> a(n, slack), b(n, slack), y(n, slack);
    double squares = 0;
    float top = -kInfinity;
    for (int64_t i = 0; i < n; ++i) {
      a.set(i, random.uniform(-3, 3));
      b.set(i, random.uniform(-3, 3));
      squares += static_cast<double>(a.get(i)) * a.get(i);
      top = std::fmax(top, a.get(i));
    }
    CHECK(std::fabs(isa.sum_squares(a.data(), n) - squares) <= kBound * squares, "n %lld", static_cast<long long>(n));
    CHECK(isa.max(a.data(), n) == top, "n %lld", static_cast<long long>(n));
    isa.scale_mul(a.data(), 0.37f, b.data(), y.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      const float scaled = a.get(i) * 0.37f;
      CHECK(y.get(i) == scaled * b.get(i), "scale_mul %lld of %lld", static_cast<long long>(i),
            static_cast<long long>(n));
    }
    isa.add(a.data(), b.data(), y.data(), n);
    for (int64_t i = 0; i < n; ++i)
      CHECK(y.get(i) == a.get(i) + b.get(i), "add %lld of %lld", static_cast<long long>(i), static_cast<long long>(n));
    isa.scale(y.data(), -1.7f, n);
    for (int64_t i = 0; i < n; ++i)
      CHECK(y.get(i) == (a.get(i) + b.get(i)) * -1.7f, "scale %lld of %lld", static_cast<long long>(i),
            static_cast<long long>(n));
    // in place
    isa.add(y.data(), a.data(), y.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      const float scaled = (a.get(i) + b.get(i)) * -1.7f;
      CHECK(y.get(i) == scaled + a.get(i), "add in place %lld", static_cast<long long>(i));
    }
    // one NaN anywhere makes the largest NaN; -inf alone is the largest
    if (n > 0) {
      a.set(n * 7 / 11, kNan);
      CHECK(std::isnan(isa.max(a.data(), n)), "NaN at %lld of %lld", static_cast<long long>(n * 7 / 11),
            static_cast<long long>(n));
      a.fill(-kInfinity);
      CHECK(isa.max(a.data(), n) == -kInfinity, "n %lld", static_cast<long long>(n));
    }
  }
  CHECK(isa.max(nullptr, 0) == -kInfinity && isa.sum_squares(nullptr, 0) == 0, "empty rows");
}

void test_exp(const Isa& isa) {
  constexpr int64_t kCount = 1 << 20;
  Guarded<float> x(kCount, 1), y(kCount, 2);
  Random random(23);
  for (int64_t i = 0; i < kCount; ++i) {
    // half of them spread evenly, half over the magnitudes
    x.set(i, i % 2 ? -87.0f * static_cast<float>(i) / kCount : -std::exp2(random.uniform(-30, 6.44f)));
    if (x.get(i) < -87.0f) x.set(i, -87.0f);
    y.set(i, x.get(i));
  }
  const float total = isa.exp_sum(y.data(), 0.0f, kCount);
  double worst = 0, sum = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    const double exact = std::exp(static_cast<double>(x.get(i)));
    worst = std::fmax(worst, std::fabs(y.get(i) - exact) / exact);
    sum += exact;
  }
  CHECK(worst <= 2e-7, "relative error of exp %g", worst);
  CHECK(std::fabs(total - sum) <= kBound * sum, "sum of exponentials %g, expected %g", total, sum);

  const float special[] = {0.0f, -0.0f, -87.3f, -87.4f, -88.0f, -103.0f, -104.0f, -1000.0f, -3e38f, -kInfinity};
  for (const float v : special) {
    float e = v;
    const float s = isa.exp_sum(&e, 0.0f, 1);
    const double exact = std::exp(static_cast<double>(v));
    CHECK(e == s && (v < -87.33f ? e >= 0 && e <= exact * 1.0001 : std::fabs(e - exact) <= 2e-7 * exact),
          "exp(%g) is %g", v, e);
  }
  float nan = kNan;
  CHECK(std::isnan(isa.exp_sum(&nan, 0.0f, 1)) && std::isnan(nan), "NaN stays NaN");
  CHECK(isa.exp_sum(nullptr, 0.0f, 0) == 0, "empty row");

  for (int64_t n = 1; n < 70; ++n) {
    Guarded<float> row(n, static_cast<size_t>(n % 3));
    for (int64_t i = 0; i < n; ++i) row.set(i, i % 5 == 4 ? -kInfinity : 3.0f - static_cast<float>(i) * 0.25f);
    const float s = isa.exp_sum(row.data(), 3.0f, n);
    double expected = 0;
    for (int64_t i = 0; i < n; ++i) expected += i % 5 == 4 ? 0 : std::exp(-0.25 * static_cast<double>(i));
    CHECK(std::fabs(s - expected) <= kBound * expected, "n %lld: %g, expected %g", static_cast<long long>(n), s,
          expected);
    CHECK(row.get(0) == 1.0f && (n < 5 || row.get(4) == 0.0f), "n %lld", static_cast<long long>(n));
  }
}

void test_silu_mul(const Isa& isa) {
  Random random(29);
  std::vector<float> gates{0.0f,   -0.0f,  1e-30f,  -1e-30f, 20.0f,  -20.0f,   80.0f,
                           -80.0f, 100.0f, -100.0f, 1e30f,   -1e30f, kInfinity};
  while (gates.size() < 1003) gates.push_back(random.uniform(-30, 30));
  const auto n = static_cast<int64_t>(gates.size());
  Guarded<float> gate(n, 1), up(n, 2), y(n, 3);
  for (int64_t i = 0; i < n; ++i) {
    gate.set(i, gates[static_cast<size_t>(i)]);
    up.set(i, random.uniform(0.5f, 2));
  }
  isa.silu_mul(gate.data(), up.data(), y.data(), n);
  for (int64_t i = 0; i < n; ++i) {
    const double z = gate.get(i), exact = z / (1 + std::exp(-z)) * up.get(i);
    CHECK(std::isinf(exact) ? y.get(i) == exact : std::fabs(y.get(i) - exact) <= 1e-6 * std::fabs(exact) + 1e-35,
          "silu(%g) * %g is %g", z, up.get(i), y.get(i));
  }
  float nan = kNan, one = 1, out = 0;
  isa.silu_mul(&nan, &one, &out, 1);
  CHECK(std::isnan(out), "NaN stays NaN");
}

// ---- selection

std::string message_of(const std::string& name) {
  try {
    select_isa(name);
  } catch (const Error& error) {
    return error.code() + " " + error.what();
  }
  return "";
}

void test_selection() {
  isa_name = "selection";
  const auto tables = available_isas();
  std::string names;
  for (const Isa* table : tables) names += (names.empty() ? "" : ", ") + std::string(table->name);
  CHECK(&select_isa() == tables.back(), "the last table is the best");
  for (const Isa* table : tables) CHECK(&select_isa(table->name) == table, "%s by name", table->name);
  CHECK(message_of("mmx") == "ERR_ARGUMENT isa: must be one of " + names + " on this processor, but is \"mmx\"", "%s",
        message_of("mmx").c_str());
  setenv("LOPHI_CPU_ISA", "scalar", 1);
  CHECK(std::string(select_isa().name) == "scalar", "LOPHI_CPU_ISA is heard");
  setenv("LOPHI_CPU_ISA", "neon2", 1);
  CHECK(
      message_of("") == "ERR_ARGUMENT LOPHI_CPU_ISA: must be one of " + names + " on this processor, but is \"neon2\"",
      "%s", message_of("").c_str());
  unsetenv("LOPHI_CPU_ISA");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--bench") {
    harness::bench(argc > 2 ? argv[2] : nullptr, argc > 3 ? argv[3] : nullptr);
    return 0;
  }
  const std::string only = argc > 1 ? argv[1] : "";
  bool found = only.empty();
  test_selection();
  test_takes_int8();
  for (const Isa* isa : available_isas()) {
    if (!only.empty() && only != isa->name) continue;
    found = true;
    isa_name = isa->name;
    const int before = failures;
    test_conversions(*isa);
    test_dequantize(*isa);
    test_groups(*isa);
    test_widened(*isa);
    test_quantize_int8(*isa);
    test_matmul(*isa);
    test_no_columns(*isa);
    test_matmul_int8(*isa);
    test_int8_groups(*isa);
    test_accumulate(*isa);
    test_rows(*isa);
    test_exp(*isa);
    test_silu_mul(*isa);
    test_speed(*isa);
    std::printf("%s: %s\n", isa->name, failures == before ? "ok" : "FAILED");
  }
  if (failures > 0) std::printf("%d failures\n", failures);
  if (!found) std::printf("%s does not run on this processor\n", only.c_str());
  return failures > 0 ? 1 : found ? 0 : 77;
}
