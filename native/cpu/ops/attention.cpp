#include <cmath>

#include "cpu/ops/table.h"
#include "cpu/rows.h"
#include "cpu/thread_scratch.h"

namespace lophi::cpu {
namespace {

WeightFormat row_format(DType dtype) {
  return dtype == DType::kFloat32   ? WeightFormat::kFloat32
         : dtype == DType::kFloat16 ? WeightFormat::kFloat16
                                    : WeightFormat::kBfloat16;
}

// Sizes of one call. qkv holds rows of Q (heads x d) | K (groups x d) | V (groups x d), `width` floats each.
struct Sizes {
  int64_t tokens, heads, groups, d, capacity, width, position, window;
  float scale;
};

void append(Context& cpu, const Sizes& s, const float* qkv, const View& keys, const View& values) {
  const size_t bytes = static_cast<size_t>(s.d) * static_cast<size_t>(bits_of(keys.dtype)) / 8;
  cpu.pool.run(s.groups * s.tokens, std::max<int64_t>(1, kGrain / s.d), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t g = i / s.tokens, t = i % s.tokens;
      const float* k = qkv + t * s.width + (s.heads + g) * s.d;
      const size_t at = static_cast<size_t>(g * s.capacity + s.position + t) * bytes;
      for (const auto& [from, cache] : {std::pair{k, &keys}, std::pair{k + s.groups * s.d, &values}}) {
        if (keys.dtype == DType::kFloat32)
          std::memcpy(data_of(*cache) + at, from, bytes);
        else
          cpu.isa.from_float(keys.dtype, from, data_of(*cache) + at, s.d);
      }
    }
  });
}

// `count` query rows against the keys and values of one group. Row r asks from position first + r * step.
struct Queries {
  const float* q;
  int64_t stride, count, group;
  int64_t first, step;
  float* y;
  int64_t y_stride;
};

void attend(const Isa& isa, const Sizes& s, const Queries& rows, const View& keys, const View& values) {
  const int64_t last = rows.first + (rows.count - 1) * rows.step;
  const int64_t low = s.window ? std::max<int64_t>(0, rows.first - s.window + 1) : 0, seen = last + 1 - low;
  std::vector<float>&scores = thread_scratch().scores, &widened = thread_scratch().widened;
  scores.resize(static_cast<size_t>(rows.count * seen));
  const size_t element = static_cast<size_t>(bits_of(keys.dtype)) / 8;
  const size_t start = static_cast<size_t>((rows.group * s.capacity + low) * s.d) * element;
  const WeightRows seen_keys{row_format(keys.dtype), data_of(keys) + start, static_cast<size_t>(s.d) * element};
  isa.matmul(seen_keys, rows.q, rows.stride, scores.data(), seen, rows.count, seen, s.d);
  for (int64_t r = 0; r < rows.count; ++r) {
    // Keys [from, to) of this tile are visible to the row; the others get weight 0.
    const int64_t at = rows.first + r * rows.step, to = at + 1 - low;
    const int64_t from = s.window ? std::max<int64_t>(0, at - s.window + 1 - low) : 0;
    float* line = scores.data() + r * seen;
    isa.scale(line + from, s.scale, to - from);
    const float sum = isa.exp_sum(line + from, isa.max(line + from, to - from), to - from);
    isa.scale(line + from, 1.0f / sum, to - from);
    std::fill(line, line + from, 0.0f);
    std::fill(line + to, line + seen, 0.0f);
    std::fill_n(rows.y + r * rows.y_stride, s.d, 0.0f);
  }
  const std::byte* v = data_of(values) + start;
  DType dtype = values.dtype;
  if (dtype == DType::kBfloat16) {
    widened.resize(static_cast<size_t>(seen * s.d));
    isa.to_float(dtype, v, widened.data(), seen * s.d);
    v = reinterpret_cast<const std::byte*>(widened.data());
    dtype = DType::kFloat32;
  }
  isa.accumulate(dtype, v, scores.data(), seen, rows.y, rows.y_stride, rows.count, seen, s.d);
}

}  // namespace

void attention(Context& cpu, const Call& call) {
  const args::Attention x(call);
  const int64_t d = x.keys.dim(2), groups = x.keys.dim(0), tokens = x.qkv.dim(0), heads = d ? x.y.dim(1) / d : 0;
  if (!tokens || !d) return;
  const Sizes s{tokens,
                heads,
                groups,
                d,
                x.keys.dim(1),
                x.qkv.dim(1),
                *data_as<int32_t>(x.position),
                x.window,
                x.scale ? static_cast<float>(x.scale) : 1.0f / std::sqrt(static_cast<float>(d))};
  if (s.position < 0)
    throw range_error("attention: position must not be negative, but it is " + std::to_string(s.position));
  if (s.position + tokens > s.capacity)
    throw Error("ERR_CONTEXT_OVERFLOW", "attention: the cache must hold " + std::to_string(s.position) + " + " +
                                            std::to_string(tokens) + " tokens, but its capacity is " +
                                            std::to_string(s.capacity));
  const float* qkv = float_rows(cpu, x.qkv);
  float* y = float_place(cpu, x.y);
  append(cpu, s, qkv, x.keys, x.values);

  const int64_t shared = heads / groups;  // query heads that read the same keys
  if (tokens == 1) {
    cpu.pool.run(groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t g = begin; g < end; ++g)
        attend(cpu.isa, s, {qkv + g * shared * d, d, shared, g, s.position, 0, y + g * shared * d, d}, x.keys,
               x.values);
    });
  } else {
    constexpr int64_t kTile = 16;  // query rows that share one pass over the keys
    const int64_t tiles = (tokens + kTile - 1) / kTile;
    cpu.pool.run(heads * tiles, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t h = i / tiles, t = i % tiles * kTile;
        attend(cpu.isa, s,
               {qkv + t * s.width + h * d, s.width, std::min(kTile, tokens - t), h / shared, s.position + t, 1,
                y + t * heads * d + h * d, heads * d},
               x.keys, x.values);
      }
    });
  }
  store_place(cpu, x.y, y);
}

}  // namespace lophi::cpu
