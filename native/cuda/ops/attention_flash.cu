// Attention over a float16 cache by products of a warp (flash decoding). A block takes sixteen query rows of one sequence and group, and
// one part of their keys; its warps take sixteen keys at a time in turn, and their softmaxes are merged in shared memory. The block that
// is the last of its rows merges the parts. Float32 rows lose nothing: queries and probabilities are sums of two float16 numbers.
// Few tokens are written to the cache here, and taken from qkv by everybody, so that nobody waits for them; queries and keys may be turned
// on their way (ropeAttention). Bound by memory.
#include "cuda/attention.cuh"

namespace {

constexpr int kRowsOfTile = lophi::cuda::kFlashRows, kStep = lophi::cuda::kFlashStep, kWarps = lophi::cuda::kFlashWarps,
              kUnit = kStep * kWarps;
constexpr int kLast = 0x7fffffff;

template <int dim>
struct Head {
  static constexpr int kDim = dim;
};
struct D64 : Head<64> {};
struct D96 : Head<96> {};
struct D128 : Head<128> {};

DEVICE unsigned word(const uint4& v, int i) { return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w; }
DEVICE unsigned word(const uint2& v, int i) { return i == 0 ? v.x : v.y; }
DEVICE float low_half(unsigned pair) { return half_to_float(static_cast<u16>(pair)); }
DEVICE float high_half(unsigned pair) { return half_to_float(static_cast<u16>(pair >> 16)); }

// a and b as float16, and what that leaves of them.
DEVICE void split_halves(float a, float b, unsigned& high, unsigned& low) {
  high = pack_halves(a, b);
  low = pack_halves(a - low_half(high), b - high_half(high));
}

// Sixteen rows of a tile that have an owner, counted from `first`: row r is head r % shared of token r / shared.
struct Rows {
  i64 sequence, begin, tokens, first;
  int count;
};

template <class H, class T>
struct AttentionFlash {
  using Params = lophi::cuda::AttentionFlashParams;
  static constexpr int kDim = H::kDim;
  static constexpr int kVectors = kDim / 32;  // of 8 elements of a key, per lane
  static constexpr int kTiles = kDim / 8;     // of 8 elements of y

  // ---- one warp

  struct Warp {
    unsigned q[2][2 * kVectors][4];  // two parts of the queries
    float o[kTiles][4];
    float top[2], sum[2], factor[2];  // of rows g and g + 8
    int low[2], position[2];
  };

  // Whether a row stands where it may, and has angles to be turned by.
  DEVICE static bool check_row(const Params& p, const Rows& rows, i64 token) {
    if (!check_position(p, {rows.sequence, rows.begin}, token)) return false;
    if (!p.cos || (p.angles[token] >= 0 && p.angles[token] < p.angle_rows)) return true;
    report(p.faults, kIndex, kAngles, token, p.angles[token], p.angle_rows);
    return false;
  }

  // Element i of a head, turned by the angles of its row; see rotary_embedding.cu.
  DEVICE static float turned(const Params& p, const T* head, i64 token, int i) {
    const int half = p.half;
    if (!p.cos || i >= 2 * half) return to_float(head[i]);
    const int angle = p.angles[token];
    if (angle < 0 || angle >= p.angle_rows) return 0;
    const i64 at = static_cast<i64>(angle) * half + i % half;
    const float u = to_float(head[i]), v = to_float(head[i < half ? i + half : i - half]);
    return u * p.cos[at] + (i < half ? -v : v) * p.sin[at];
  }

  // Queries as they attend, [rows][kDim], by all threads of the block.
  DEVICE static void stage_queries(const Params& p, const Rows& rows, i64 group, float* to) {
    const i64 shared = p.heads / p.groups;
    for (int i = static_cast<int>(threadIdx.x); i < rows.count * kDim; i += kWarps * 32) {
      const i64 at = rows.first + i / kDim, token = rows.begin + at / shared, head = group * shared + at % shared;
      to[i] = turned(p, static_cast<const T*>(p.qkv) + token * p.width + head * kDim, token, i % kDim);
    }
  }

  // Rows that are none see nothing.
  DEVICE static void load_queries(const Params& p, const Rows& rows, const float* queries, Warp& w) {
    const int g = lane_id() / 4, t = lane_id() % 4;
    const i64 shared = p.heads / p.groups;
    for (int i = 0; i < 2; ++i) {
      const int r = g + 8 * i;
      float q[kVectors][8] = {};
      w.low[i] = 0;
      w.position[i] = -1;
      if (r < rows.count) {
        const i64 token = rows.begin + (rows.first + r) / shared;
        if (check_row(p, rows, token)) {
          w.position[i] = p.position[token];
          w.low[i] = p.window && w.position[i] >= p.window ? w.position[i] - static_cast<int>(p.window) + 1 : 0;
        }
        for (int v = 0; v < kVectors; ++v)
          for (int k = 0; k < 8; ++k) q[v][k] = queries[r * kDim + 8 * (4 * v + t) + k];
      }
      float most = 0;
      for (int v = 0; v < kVectors; ++v)
        for (int k = 0; k < 8; ++k) most = fmaxf(most, fabsf(q[v][k]));
      most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, 1));
      most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, 2));
      // a power of two that brings the largest to 1024 .. 2047
      unsigned exponent = float_to_bits(most) >> 23;
      exponent = exponent < 11 ? 11 : exponent > 254 ? 137 : exponent;
      const float down = bits_to_float((264 - exponent) << 23);
      w.factor[i] = p.scale * bits_to_float((exponent - 10) << 23) * 1.4426950408889634f;
      for (int v = 0; v < kVectors; ++v)
        for (int half = 0; half < 2; ++half)
          for (int k = 0; k < 2; ++k)
            split_halves(q[v][4 * half + 2 * k] * down, q[v][4 * half + 2 * k + 1] * down,
                         w.q[0][2 * v + half][2 * k + i], w.q[1][2 * v + half][2 * k + i]);
      w.top[i] = -kInfinity;
      w.sum[i] = 0;
    }
    for (int i = 0; i < kTiles; ++i)
      for (int k = 0; k < 4; ++k) w.o[i][k] = 0;
  }

  // The element of y that tile i of eight has at g, and where the lane's words of a value lie: 8 or 4 elements side by side.
  static constexpr int kSide = kDim % 64 ? 4 : 8;
  DEVICE static int element_of(int i, int g) { return i / kSide * 8 * kSide + g * kSide + i % kSide; }

  struct Value {
    unsigned words[kTiles / 2];
    DEVICE void load(const Half* from, int g) {
      for (int i = 0; i < kTiles / kSide; ++i) {
        const Half* at = from + element_of(i * kSide, g);
        if constexpr (kSide == 8) {
          const uint4 v = load128(at);
          for (int k = 0; k < 4; ++k) words[4 * i + k] = word(v, k);
        } else {
          const uint2 v = load64(at);
          for (int k = 0; k < 2; ++k) words[2 * i + k] = word(v, k);
        }
      }
    }
    DEVICE void clear() {
      for (int i = 0; i < kTiles / 2; ++i) words[i] = 0;
    }
  };

  // Keys [j, j + 16): key(i) and value(i) say where that of j + i lies; values outside of [first, last] may be anything.
  template <class K, class V>
  DEVICE static void step(Warp& w, int j, int first, int last, K&& key, V&& value) {
    const int g = lane_id() / 4, t = lane_id() % 4;
    uint4 k[2][kVectors];
    for (int n = 0; n < 2; ++n) {
      const Half* from = key(8 * n + g);
      for (int v = 0; v < kVectors; ++v) k[n][v] = load128(from + 8 * (4 * v + t));
    }
    Value values[4];
    for (int i = 0; i < 4; ++i) {
      const int at = 2 * t + i / 2 * 8 + i % 2;
      if (j + at >= first && j + at <= last)
        values[i].load(value(at), g);
      else
        values[i].clear();
    }
    float s[2][4] = {};
    for (int v = 0; v < kVectors; ++v)
      for (int half = 0; half < 2; ++half)
        for (int n = 0; n < 2; ++n) {
          const unsigned b[2] = {word(k[n][v], 2 * half), word(k[n][v], 2 * half + 1)};
          mma16816(s[n], w.q[0][2 * v + half], b);
          mma16816(s[n], w.q[1][2 * v + half], b);
        }

    unsigned high[4], low[4];
    for (int i = 0; i < 2; ++i) {
      float x[4], most = -kInfinity;
      for (int n = 0; n < 4; ++n) {
        const int at = j + n / 2 * 8 + 2 * t + n % 2;
        x[n] = at >= w.low[i] && at <= w.position[i] ? s[n / 2][2 * i + n % 2] * w.factor[i] : -kInfinity;
        most = fmaxf(most, x[n]);
      }
      most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, 1));
      most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, 2));
      const float top = fmaxf(w.top[i], most);
      // times 1024, so that small ones keep their digits as float16
      const float base = top == -kInfinity ? 0.0f : top - 10.0f;
      const float kept = top == w.top[i] ? 1.0f : exp2f(w.top[i] - top);
      w.top[i] = top;
      w.sum[i] *= kept;
      for (int n = 0; n < 4; ++n) {
        x[n] = exp2f(x[n] - base);
        w.sum[i] += x[n];
      }
      for (int n = 0; n < 2; ++n) split_halves(x[2 * n], x[2 * n + 1], high[2 * n + i], low[2 * n + i]);
      for (int n = 0; n < kTiles; ++n) {
        w.o[n][2 * i] *= kept;
        w.o[n][2 * i + 1] *= kept;
      }
    }
    for (int i = 0; i < kTiles; ++i) {
      const unsigned select = i % 2 ? 0x7632 : 0x5410;
      const unsigned b[2] = {prmt(values[0].words[i / 2], values[1].words[i / 2], select),
                             prmt(values[2].words[i / 2], values[3].words[i / 2], select)};
      mma16816(w.o[i], high, b);
      mma16816(w.o[i], low, b);
    }
  }

  // ---- one block

  // Tile `tile` of all; false where there are not so many, with what is left of it.
  DEVICE static bool rows_of(const Params& p, i64 tile, Rows& rows, i64& left) {
    const i64 shared = p.heads / p.groups;
    for (i64 b = 0; b < p.sequences; ++b) {
      i64 begin, end;
      if (p.rows) {
        begin = p.rows[b];
        end = p.rows[b + 1];
        if (begin < 0 || end > p.tokens) continue;
      } else {
        begin = b * p.rows_each < p.tokens ? b * p.rows_each : p.tokens;
        end = begin + p.rows_each < p.tokens ? begin + p.rows_each : p.tokens;
      }
      const i64 all = end > begin ? (end - begin) * shared : 0, tiles = (all + kRowsOfTile - 1) / kRowsOfTile;
      if (tile < tiles) {
        const i64 first = tile * kRowsOfTile;
        rows = {b, begin, end - begin, first,
                static_cast<int>(all - first < kRowsOfTile ? all - first : static_cast<i64>(kRowsOfTile))};
        return true;
      }
      tile -= tiles;
    }
    left = tile;
    return false;
  }

  // Rows that no sequence has get zeros: spare blocks take every so many-th.
  DEVICE static void clear_idle(const Params& p, i64 group, i64 left) {
    if (!p.rows) return;
    const i64 width = p.heads / p.groups * kDim, spare = left + gridDim.y - blockIdx.y;
    for (i64 t = left; t < p.tokens; t += spare) {
      if (t >= p.rows[0] && t < p.rows[p.sequences]) continue;
      for (i64 i = threadIdx.x; i < width; i += blockDim.x)
        store(static_cast<T*>(p.y) + t * p.heads * kDim + group * width + i, 0.0f);
    }
  }

  DEVICE static void check_rows(const Params& p) {
    for (i64 i = threadIdx.x; i <= p.sequences; i += blockDim.x) {
      const int least = i == 0 || p.rows[i - 1] < 0 ? 0 : p.rows[i - 1];
      if (p.rows[i] < least || p.rows[i] > p.tokens) report(p.faults, kRow, kRows, i, p.rows[i], p.tokens, least);
    }
  }

  // What this call appends: keys, then values, of up to kFresh tokens as the cache has them, and where they stand; -1: nowhere.
  static constexpr int kFresh = lophi::cuda::kFreshTokens;
  struct alignas(16) Fresh {
    Half rows[2 * kFresh][kDim];
    int position[kFresh];
  };

  DEVICE static void append(const Params& p, const Rows& rows, i64 group, bool writes, Fresh& fresh) {
    const T* from = static_cast<const T*>(p.qkv) + rows.begin * p.width + (p.heads + group) * kDim;
    for (int i = static_cast<int>(threadIdx.x); i < rows.tokens * 2 * kDim; i += kWarps * 32) {
      const int token = i / (2 * kDim), kind = i / kDim % 2, k = i % kDim;
      const T* head = from + token * p.width + kind * p.groups * kDim;
      store(&fresh.rows[kind * kFresh + token][k], kind ? to_float(head[k]) : turned(p, head, rows.begin + token, k));
    }
    if (threadIdx.x < rows.tokens) {
      const i64 token = rows.begin + threadIdx.x;
      const bool right = check_row(p, rows, token);
      fresh.position[threadIdx.x] = right ? p.position[token] : -1;
    }
    __syncthreads();
    if (!writes) return;
    const i64 shared = p.heads / p.groups;
    for (int token = warp_id(); token < rows.tokens; token += kWarps) {
      const i64 row = token * shared - rows.first;
      if (row < 0 || row >= kRowsOfTile || fresh.position[token] < 0) continue;
      const i64 slot = slot_of(p, rows.sequence, group, fresh.position[token]);
      if (slot < 0) continue;
      for (int k = lane_id(); k < kDim; k += 32) {
        static_cast<Half*>(p.keys)[slot * kDim + k] = fresh.rows[token][k];
        static_cast<Half*>(p.values)[slot * kDim + k] = fresh.rows[kFresh + token][k];
      }
    }
  }

  DEVICE static void put(const Params& p, const Rows& rows, i64 group, int r, int i, float value) {
    const i64 shared = p.heads / p.groups, at = rows.first + r;
    const i64 token = rows.begin + at / shared, head = group * shared + at % shared;
    store(static_cast<T*>(p.y) + (token * p.heads + head) * kDim + i, value);
  }

  DEVICE static void run(const Params& p) {
    DYNAMIC_SHARED(float, merged);  // [kWarps][rows][kDim], of which the queries take the first
    SHARED(Fresh, fresh, 1);
    SHARED(float, tops, kWarps* kRowsOfTile);
    SHARED(float, sums, kWarps* kRowsOfTile);
    const i64 group = blockIdx.x / p.splits, split = blockIdx.x % p.splits;
    if (p.rows && p.fresh && blockIdx.x == 0 && blockIdx.y == 0) check_rows(p);
    Rows rows;
    i64 left = 0;
    if (!rows_of(p, blockIdx.y, rows, left)) {
      if (split == 0) clear_idle(p, group, left);
      return;
    }
    stage_queries(p, rows, group, merged);
    if (p.fresh)
      append(p, rows, group, split == 0, *fresh);
    else
      __syncthreads();

    const int g = lane_id() / 4;
    Warp w;
    load_queries(p, rows, merged, w);
    __syncthreads();
    int first = kLast, last = -1;
    for (int i = 0; i < 2; ++i) {
      if (w.position[i] < 0) continue;
      first = w.low[i] < first ? w.low[i] : first;
      last = w.position[i] > last ? w.position[i] : last;
    }
    for (int distance = 4; distance < 32; distance *= 2) {
      const int other_first = __shfl_xor_sync(kAllLanes, first, distance);
      const int other_last = __shfl_xor_sync(kAllLanes, last, distance);
      first = other_first < first ? other_first : first;
      last = other_last > last ? other_last : last;
    }
    int fresh_from = kLast;
    for (int i = 0; p.fresh && i < rows.tokens; ++i)
      if (const int at = fresh->position[i]; at >= 0 && at < fresh_from) fresh_from = at;

    const int start = first == kLast ? 0 : first / kStep * kStep;
    const int units = last < 0 ? 0 : (last - start) / kUnit + 1;
    const int each = (units + p.splits - 1) / p.splits, active = units ? (units + each - 1) / each : 1;
    if (split >= active) return;
    const int from = start + static_cast<int>(split) * each * kUnit;
    const int to = last - from < each * kUnit ? last + 1 : from + each * kUnit;
    for (int j = from + warp_id() * kStep; j < to; j += kUnit) {
      const i64 slot = slot_of(p, rows.sequence, group, j);
      if (slot < 0) continue;
      const Half *keys = static_cast<const Half*>(p.keys) + slot * kDim,
                 *values = static_cast<const Half*>(p.values) + slot * kDim;
      if (j + kStep <= fresh_from) {
        step(w, j, first, last, [&](int i) { return keys + i * kDim; }, [&](int i) { return values + i * kDim; });
        continue;
      }
      const auto place = [&](const Half* cached, int kind, int i) {
        for (int token = 0; token < rows.tokens; ++token)
          if (fresh->position[token] == j + i) return static_cast<const Half*>(fresh->rows[kind * kFresh + token]);
        return cached + i * kDim;
      };
      step(w, j, first, last, [&](int i) { return place(keys, 0, i); }, [&](int i) { return place(values, 1, i); });
    }

    // Rows of all warps meet in shared memory.
    for (int i = 0; i < 2; ++i) {
      w.sum[i] += __shfl_xor_sync(kAllLanes, w.sum[i], 1);
      w.sum[i] += __shfl_xor_sync(kAllLanes, w.sum[i], 2);
      const int r = g + 8 * i;
      if (lane_id() % 4 == 0) {
        tops[warp_id() * kRowsOfTile + r] = w.top[i];
        sums[warp_id() * kRowsOfTile + r] = w.sum[i];
      }
      if (r >= rows.count) continue;
      float* to_row = merged + (warp_id() * rows.count + r) * kDim;
      for (int n = 0; n < kTiles; ++n)
        for (int k = 0; k < 2; ++k) to_row[element_of(n, 2 * (lane_id() % 4) + k)] = w.o[n][2 * i + k];
    }
    __syncthreads();
    const i64 tile = blockIdx.y * p.groups + group;
    float* part = p.partial + (tile * p.splits + split) * p.tile_rows * (kDim + 2);
    for (int i = static_cast<int>(threadIdx.x); i < rows.count * kDim; i += kWarps * 32) {
      const int r = i / kDim, k = i % kDim;
      float top = -kInfinity, sum = 0, value = 0;
      for (int warp = 0; warp < kWarps; ++warp) top = fmaxf(top, tops[warp * kRowsOfTile + r]);
      for (int warp = 0; warp < kWarps; ++warp) {
        const float mine = tops[warp * kRowsOfTile + r];
        const float weight = mine == -kInfinity ? 0.0f : exp2f(mine - top);
        sum += weight * sums[warp * kRowsOfTile + r];
        value += weight * merged[(warp * rows.count + r) * kDim + k];
      }
      if (active == 1) {
        put(p, rows, group, r, k, sum == 0 ? 0.0f : value / sum);
        continue;
      }
      part[r * (kDim + 2) + k] = value;
      if (k != 0) continue;
      part[r * (kDim + 2) + kDim] = top;
      part[r * (kDim + 2) + kDim + 1] = sum;
    }
    if (active == 1) return;

    if (!comes_last(p.counters + tile, active)) return;
    const i64 stride = static_cast<i64>(p.tile_rows) * (kDim + 2);
    const float* parts = p.partial + tile * p.splits * stride;
    for (int i = static_cast<int>(threadIdx.x); i < rows.count * kDim; i += kWarps * 32) {
      const int r = i / kDim, k = i % kDim;
      put(p, rows, group, r, k, merge_parts(parts + r * (kDim + 2), stride, active, kDim, k));
    }
  }
};

}  // namespace

// instances: AttentionFlash<head = D64 D96 D128, dtype>
