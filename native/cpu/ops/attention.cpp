#include <cmath>

#include "core/attention.h"
#include "core/fault.h"
#include "cpu/ops/table.h"
#include "cpu/rows.h"
#include "cpu/thread_scratch.h"

namespace lophi::cpu {
namespace {

// Keys that one softmax is taken over; softmaxes of consecutive pieces are then merged in order. Pieces begin at
// multiples of this in the sequence, so that neither pages nor threads change a bit of y.
constexpr int64_t kPiece = 128;
// The inner loops sum in another order where keys are few: scores are of whole sixteens of a page, some keys before and
// behind those that a row sees.
constexpr int64_t kColumns = 16;
constexpr int64_t kLine = kPiece + 2 * kColumns;  // scores of a piece, per row

using Sizes = AttentionSizes;

// One sequence of the call: rows [begin, end) of qkv, and the pages that hold its tokens.
struct Span {
  int64_t sequence;
  int64_t begin, end;
  const int32_t* pages;  // null: consecutive ones
  int64_t first_page;

  int64_t page(int64_t m) const { return pages ? pages[m] : first_page + m; }
};

// Positions rise and their pages exist.
void check_span(const Sizes& s, const Span& span, const int32_t* position) {
  const int64_t capacity = s.table * s.page;
  for (int64_t t = span.begin; t < span.end; ++t) {
    const auto wrong = [&](FaultKind kind, int64_t limit) {
      return fault_error("attention", kind, "position", t, position[t], limit);
    };
    if (position[t] < 0) throw wrong(FaultKind::kNegative, 0);
    if (t > span.begin && position[t] <= position[t - 1]) throw wrong(FaultKind::kAscending, position[t - 1]);
    if (position[t] >= capacity) throw wrong(FaultKind::kCapacity, capacity);
  }
  for (int64_t m = s.low(position[span.begin]) / s.page; m <= position[span.end - 1] / s.page; ++m)
    if (const int64_t page = span.page(m); page < 0 || page >= s.pages)
      throw fault_error("attention", FaultKind::kPage, "pages", span.sequence * s.table + m, page, s.pages, s.table);
}

// The sequences that have rows in this call.
std::vector<Span> spans_of(const args::Attention& x, const Sizes& s) {
  const int32_t* rows = x.rows ? data_as<int32_t>(*x.rows) : nullptr;
  const int64_t each = s.rows_each();
  std::vector<Span> spans;
  for (int64_t b = 0; b < s.sequences; ++b) {
    Span span{b, std::min(b * each, s.tokens), std::min((b + 1) * each, s.tokens),
              x.pages ? data_as<int32_t>(*x.pages) + b * s.table : nullptr, b * s.table};
    if (rows) {
      for (int64_t i = b; i <= b + 1; ++i)
        if (const int32_t least = i ? std::max(0, rows[i - 1]) : 0; rows[i] < least || rows[i] > s.tokens)
          throw fault_error("attention", FaultKind::kRow, "rows", i, rows[i], s.tokens, least);
      span.begin = rows[b];
      span.end = rows[b + 1];
    }
    if (span.begin < span.end) spans.push_back(span);
  }
  for (const Span& span : spans) check_span(s, span, data_as<int32_t>(x.position));
  return spans;
}

// Keys or values as they lie in memory: [pages, groups, page, d], with a scale per row where they are int8.
struct Cache {
  std::byte* data;
  DType dtype;
  size_t row;     // bytes
  float* scales;  // [pages, groups, page]

  Cache(const View& view, const View* scales)
      : data(data_of(view)),
        dtype(view.dtype),
        row(static_cast<size_t>(view.dim(3)) * static_cast<size_t>(bits_of(view.dtype)) / 8),
        scales(scales ? data_as<float>(*scales) : nullptr) {}

  std::byte* at(int64_t slot) const { return data + static_cast<size_t>(slot) * row; }

  void store(const Isa& isa, const float* from, int64_t slot, int64_t d) const {
    if (dtype == DType::kFloat32) {
      std::memcpy(at(slot), from, row);
    } else if (dtype == DType::kInt8) {
      scales[slot] = quantize(from, reinterpret_cast<int8_t*>(at(slot)), d);
    } else {
      isa.from_float(dtype, from, at(slot), d);
    }
  }

  // Gives the scale: NaN where one of the values is none or infinite.
  static float quantize(const float* from, int8_t* to, int64_t d) {
    float most = 0;
    bool finite = true;
    for (int64_t i = 0; i < d; ++i) {
      most = std::max(most, std::abs(from[i]));
      finite &= std::isfinite(from[i]);
    }
    const float scale = finite ? most / 127 : std::numeric_limits<float>::quiet_NaN();
    for (int64_t i = 0; i < d; ++i)
      to[i] = finite && scale > 0 ? static_cast<int8_t>(std::clamp(std::nearbyint(from[i] / scale), -127.0f, 127.0f))
                                  : int8_t{0};
    return scale;
  }

  void widen(const Isa& isa, int64_t slot, int64_t count, int64_t d, float* to) const {
    if (dtype != DType::kInt8) return isa.to_float(dtype, at(slot), to, count * d);
    const auto* from = reinterpret_cast<const int8_t*>(at(slot));
    for (int64_t j = 0; j < count; ++j)
      for (int64_t i = 0; i < d; ++i) to[j * d + i] = static_cast<float>(from[j * d + i]) * scales[slot + j];
  }
};

// Query rows that look at the keys and values of one group of one sequence.
struct Tile {
  const Span* span;
  int64_t group, count;
  const float* q;
  int64_t stride;
  const int32_t* position;
  int64_t step;  // from the position of a row to that of the next: 0 for heads of one token, else 1
  float* y;
  int64_t y_stride;

  int64_t at(int64_t row) const { return position[row * step]; }
};

// A softmax under way: y = Σ e^(score - top) v beside it. Nothing is seen where sum is 0.
struct Partial {
  float top, sum;
};
constexpr int64_t kTile = 16;  // query rows that share one pass over the keys

struct Attend {
  const Isa& isa;
  const Sizes& s;
  const Cache keys, values;

  int64_t first_piece(const Tile& tile) const { return s.low(tile.at(0)) / kPiece; }
  int64_t pieces(const Tile& tile) const { return tile.at(tile.count - 1) / kPiece + 1 - first_piece(tile); }

  // Calls f(slot, first key, count) for what lies together of keys [from, to).
  template <class F>
  void each_run(const Tile& tile, int64_t from, int64_t to, F&& f) const {
    for (int64_t j = from; j < to;) {
      const int64_t within = j % s.page, count = std::min(s.page - within, to - j);
      f((tile.span->page(j / s.page) * s.groups + tile.group) * s.page + within, j, count);
      j += count;
    }
  }

  // The tile over one piece, counted from its first; y is written.
  void piece(const Tile& tile, int64_t index, Partial* state, float* y, int64_t y_stride) const {
    const int64_t start = (first_piece(tile) + index) * kPiece;
    const int64_t to = std::min(start + kPiece, tile.at(tile.count - 1) + 1);
    int64_t from = std::max(start, s.low(tile.at(0)));
    from -= std::min(from % s.page % kColumns, from);
    ThreadScratch& scratch = thread_scratch();
    scratch.scores.resize(static_cast<size_t>(kTile * kLine));
    float* scores = scratch.scores.data();
    const auto widened = [&](const Cache& cache, int64_t slot, int64_t count) {
      scratch.widened.resize(static_cast<size_t>(kLine * s.d));
      cache.widen(isa, slot, count, s.d, scratch.widened.data());
      return reinterpret_cast<const std::byte*>(scratch.widened.data());
    };
    each_run(tile, from, to, [&](int64_t slot, int64_t j, int64_t count) {
      const bool half = keys.dtype == DType::kFloat16, brain = keys.dtype == DType::kBfloat16;
      WeightRows rows{half    ? WeightFormat::kFloat16
                      : brain ? WeightFormat::kBfloat16
                              : WeightFormat::kFloat32,
                      keys.at(slot), keys.row};
      const int64_t whole = std::min((count + kColumns - 1) / kColumns * kColumns, s.page - slot % s.page);
      if (keys.dtype == DType::kInt8) {
        rows.data = widened(keys, slot, whole);
        rows.stride = static_cast<size_t>(s.d) * sizeof(float);
      }
      isa.matmul(rows, tile.q, tile.stride, scores + (j - from), kLine, tile.count, whole, s.d);
    });
    for (int64_t r = 0; r < tile.count; ++r) {
      // Keys [first, last) of the piece are visible to the row; the others get weight 0.
      const int64_t last = std::min(tile.at(r) + 1, to) - from;
      const int64_t first = std::min(std::max(start, s.low(tile.at(r))), to) - from;
      float* line = scores + r * kLine;
      state[r] = {0, 0};
      if (first < last) {
        isa.scale(line + first, s.scale, last - first);
        state[r].top = isa.max(line + first, last - first);
        state[r].sum = isa.exp_sum(line + first, state[r].top, last - first);
      }
      std::fill(line, line + std::min(first, to - from), 0.0f);
      std::fill(line + std::max(first, last), line + (to - from), 0.0f);
      std::fill_n(y + r * y_stride, s.d, 0.0f);
    }
    each_run(tile, from, to, [&](int64_t slot, int64_t j, int64_t count) {
      const bool direct = values.dtype == DType::kFloat32 || values.dtype == DType::kFloat16;
      isa.accumulate(direct ? values.dtype : DType::kFloat32, direct ? values.at(slot) : widened(values, slot, count),
                     scores + (j - from), kLine, y, y_stride, tile.count, count, s.d);
    });
  }

  // `state` and `y` go on with what is seen later.
  void merge(Partial& state, float* y, const Partial& later, const float* later_y) const {
    if (later.sum == 0) return;
    if (state.sum == 0) {
      state = later;
      std::copy_n(later_y, s.d, y);
      return;
    }
    const float top = std::max(state.top, later.top);
    const float mine = std::exp(state.top - top), its = std::exp(later.top - top);
    state = {top, state.sum * mine + later.sum * its};
    for (int64_t i = 0; i < s.d; ++i) y[i] = y[i] * mine + later_y[i] * its;
  }

  void finish(const Tile& tile, const Partial* state) const {
    for (int64_t r = 0; r < tile.count; ++r) isa.scale(tile.y + r * tile.y_stride, 1.0f / state[r].sum, s.d);
  }

  void whole(const Tile& tile) const {
    Partial state[kTile], later[kTile];
    piece(tile, 0, state, tile.y, tile.y_stride);
    std::vector<float>& partial = thread_scratch().partial;
    partial.resize(static_cast<size_t>(kTile * s.d));
    for (int64_t i = 1; i < pieces(tile); ++i) {
      piece(tile, i, later, partial.data(), s.d);
      for (int64_t r = 0; r < tile.count; ++r)
        merge(state[r], tile.y + r * tile.y_stride, later[r], partial.data() + r * s.d);
    }
    finish(tile, state);
  }
};

void append(Context& cpu, const Sizes& s, const Attend& a, const std::vector<Span>& spans, const int32_t* position,
            const float* qkv) {
  for (const Span& span : spans) {
    const int64_t count = span.end - span.begin;
    cpu.pool.run(s.groups * count, std::max<int64_t>(1, kGrain / s.d), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t g = i / count, t = span.begin + i % count, at = position[t];
        const float* k = qkv + t * s.width + (s.heads + g) * s.d;
        const int64_t slot = (span.page(at / s.page) * s.groups + g) * s.page + at % s.page;
        a.keys.store(cpu.isa, k, slot, s.d);
        a.values.store(cpu.isa, k + s.groups * s.d, slot, s.d);
      }
    });
  }
}

std::vector<Tile> tiles_of(const Sizes& s, const std::vector<Span>& spans, const int32_t* position, const float* qkv,
                           float* y) {
  const int64_t shared = s.heads / s.groups, out = s.heads * s.d;  // query heads that read the same keys
  std::vector<Tile> tiles;
  for (const Span& span : spans) {
    for (int64_t h = 0; h < s.heads; ++h) {
      if (span.end - span.begin > 1) {
        for (int64_t t = span.begin; t < span.end; t += kTile)
          tiles.push_back({&span, h / shared, std::min(kTile, span.end - t), qkv + t * s.width + h * s.d, s.width,
                           position + t, 1, y + t * out + h * s.d, out});
      } else if (const int64_t t = span.begin; h % shared % kTile == 0) {
        tiles.push_back({&span, h / shared, std::min(kTile, shared - h % shared), qkv + t * s.width + h * s.d, s.d,
                         position + t, 0, y + t * out + h * s.d, s.d});
      }
    }
  }
  return tiles;
}

// Few tiles with long histories: every piece is a task of its own, and the threads meet again to merge.
void attend_in_pieces(Context& cpu, const Attend& a, const std::vector<Tile>& tiles) {
  std::vector<std::pair<size_t, int64_t>> tasks;  // tile, piece
  std::vector<size_t> first{0};                   // row of the partial results of each task
  for (size_t i = 0; i < tiles.size(); ++i)
    for (int64_t p = 0; p < a.pieces(tiles[i]); ++p) {
      tasks.emplace_back(i, p);
      first.push_back(first.back() + static_cast<size_t>(tiles[i].count));
    }
  const auto d = static_cast<size_t>(a.s.d);
  auto* y = cpu.scratch<float>(first.back() * (d + 2), kScratchInt8);
  auto* states = reinterpret_cast<Partial*>(y + first.back() * d);
  cpu.pool.run(static_cast<int64_t>(tasks.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      a.piece(tiles[tasks[i].first], tasks[i].second, states + first[i], y + first[i] * d, a.s.d);
  });
  size_t task = 0;
  for (const Tile& tile : tiles) {
    const size_t start = first[task];
    for (int64_t r = 0; r < tile.count; ++r) std::copy_n(y + (start + r) * d, d, tile.y + r * tile.y_stride);
    for (++task; task < tasks.size() && tasks[task].second > 0; ++task)
      for (int64_t r = 0; r < tile.count; ++r)
        a.merge(states[start + r], tile.y + r * tile.y_stride, states[first[task] + r], y + (first[task] + r) * d);
    a.finish(tile, states + start);
  }
}

// Rows that belong to no sequence.
void clear_others(const Sizes& s, const std::vector<Span>& spans, float* y) {
  const int64_t out = s.heads * s.d;
  int64_t done = 0;
  for (const Span& span : spans) {
    std::fill(y + done * out, y + span.begin * out, 0.0f);
    done = span.end;
  }
  std::fill(y + done * out, y + s.tokens * out, 0.0f);
}

}  // namespace

void attention(Context& cpu, const Call& call) {
  const args::Attention x(call);
  check_scales(x);
  const AttentionSizes s(x);
  if (!s.tokens || !s.d) return;
  const int32_t* position = data_as<int32_t>(x.position);
  const std::vector<Span> spans = spans_of(x, s);
  const float* qkv = float_rows(cpu, x.qkv);
  float* y = float_place(cpu, x.y);
  const Attend a{cpu.isa, s, Cache(x.keys, x.key_scales), Cache(x.values, x.value_scales)};
  append(cpu, s, a, spans, position, qkv);
  clear_others(s, spans, y);

  const std::vector<Tile> tiles = tiles_of(s, spans, position, qkv, y);
  const auto count = static_cast<int64_t>(tiles.size());
  const bool few = count < 4 * cpu.pool.threads() && cpu.pool.threads() > 1;
  if (few && std::any_of(tiles.begin(), tiles.end(), [&](const Tile& tile) { return a.pieces(tile) > 1; }))
    attend_in_pieces(cpu, a, tiles);
  else
    cpu.pool.run(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) a.whole(tiles[static_cast<size_t>(i)]);
    });
  store_place(cpu, x.y, y);
}

}  // namespace lophi::cpu
