// Attention in two launches: keys and values of all rows are written to their slots, then rows attend. The plain version.
#include "cuda/attention.cuh"

namespace {

// A warp per head of keys or values, tokens by grid.y.
template <class C, class T>
struct AttentionAppend {
  using Params = AttentionParams;
  using Element = typename C::Element;

  DEVICE static void check_rows(const Params& p) {
    for (i64 i = threadIdx.x; i <= p.sequences; i += blockDim.x) {
      const int least = i == 0 || p.rows[i - 1] < 0 ? 0 : p.rows[i - 1];
      if (p.rows[i] < least || p.rows[i] > p.tokens) report(p.faults, kRow, kRows, i, p.rows[i], p.tokens, least);
    }
  }

  template <class E>
  DEVICE static void put(const T* from, E* to, float*, i64 d) {
    for (i64 i = lane_id(); i < d; i += 32) store(to + i, to_float(from[i]));
  }
  // The scale is NaN where one of the values is none or infinite.
  DEVICE static void put(const T* from, i8* to, float* scale_at, i64 d) {
    float most = 0;
    bool finite = true;
    for (i64 i = lane_id(); i < d; i += 32) {
      const float size = fabsf(to_float(from[i]));
      most = fmaxf(most, size);
      finite = finite && size < kInfinity;
    }
    finite = __ballot_sync(kAllLanes, finite) == kAllLanes;
    most = warp_max(most);
    const float scale = finite ? most / 127.0f : bits_to_float(0x7fc00000);
    for (i64 i = lane_id(); i < d; i += 32)
      to[i] = scale > 0 ? static_cast<i8>(fminf(fmaxf(rintf(to_float(from[i]) / scale), -127.0f), 127.0f)) : i8{0};
    if (lane_id() == 0) *scale_at = scale;
  }

  DEVICE static void run(const Params& p) {
    if (p.rows && blockIdx.x == 0 && blockIdx.y == 0) check_rows(p);
    const i64 warps = blockDim.x / 32;
    for (i64 t = blockIdx.y; t < p.tokens; t += gridDim.y) {
      const Owner owner = owner_of(p, t);
      if (owner.sequence < 0 || !check_position(p, owner, t)) continue;
      for (i64 i = blockIdx.x * warps + warp_id(); i < 2 * p.groups; i += gridDim.x * warps) {
        const i64 group = i % p.groups, slot = slot_of(p, owner.sequence, group, p.position[t]);
        if (slot < 0) continue;
        const T* from = static_cast<const T*>(p.qkv) + t * p.width + (p.heads + i) * p.d;
        Element* to = static_cast<Element*>(i < p.groups ? p.keys : p.values) + slot * p.d;
        put(from, to, (i < p.groups ? p.key_scales : p.value_scales) + slot, p.d);
      }
    }
  }
};

// A block of 128 threads per head and row, rows by grid.y. Each thread takes the score of a key, then each sums up its own elements of
// the values. Softmaxes of consecutive pieces are merged in order.
template <class C, class T>
struct Attention {
  using Params = AttentionParams;
  using Element = typename C::Element;
  static constexpr int kPiece = 128, kOwn = 4;

  DEVICE static float scale_of(const float* scales, i64 slot) { return scales ? scales[slot] : 1.0f; }

  DEVICE static float score(const Params& p, const T* q, i64 slot) {
    const Element* key = static_cast<const Element*>(p.keys) + slot * p.d;
    float sum = 0;
    for (i64 i = 0; i < p.d; ++i) sum += to_float(q[i]) * to_float(key[i]);
    return sum * scale_of(p.key_scales, slot) * p.scale;
  }

  // Elements [first, first + kPiece * kOwn) of y.
  DEVICE static void attend(const Params& p, i64 sequence, i64 head, i64 t, i64 first) {
    SHARED(float, weights, kPiece);
    SHARED(i64, slots, kPiece);
    const i64 group = head / (p.heads / p.groups), last = p.position[t];
    const T* q = static_cast<const T*>(p.qkv) + t * p.width + head * p.d;
    const Element* values = static_cast<const Element*>(p.values);
    float top = -kInfinity, sum = 0, own[kOwn] = {};
    for (i64 from = p.window && last >= p.window ? last - p.window + 1 : 0; from <= last; from += kPiece) {
      const i64 j = from + threadIdx.x, slot = j <= last ? slot_of(p, sequence, group, j) : -1;
      const float mine = slot < 0 ? -kInfinity : score(p, q, slot);
      const float grown = fmaxf(top, block_max(mine));
      const float weight = slot < 0 ? 0.0f : expf(mine - grown);
      const float kept = grown == top ? 1.0f : expf(top - grown);
      sum = sum * kept + block_sum(weight);
      top = grown;
      weights[threadIdx.x] = slot < 0 ? 0.0f : weight * scale_of(p.value_scales, slot);
      slots[threadIdx.x] = slot;
      __syncthreads();
      for (int k = 0; k < kOwn; ++k) own[k] *= kept;
      for (int i = 0; i < kPiece && from + i <= last; ++i) {
        if (slots[i] < 0) continue;
        for (int k = 0; k < kOwn; ++k)
          if (const i64 at = first + threadIdx.x + k * kPiece; at < p.d)
            own[k] += weights[i] * to_float(values[slots[i] * p.d + at]);
      }
    }
    for (int k = 0; k < kOwn; ++k)
      if (const i64 at = first + threadIdx.x + k * kPiece; at < p.d)
        store(static_cast<T*>(p.y) + (t * p.heads + head) * p.d + at, sum == 0 ? 0.0f : own[k] / sum);
  }

  DEVICE static void run(const Params& p) {
    for (i64 t = blockIdx.y; t < p.tokens; t += gridDim.y) {
      const Owner owner = owner_of(p, t);
      const bool right = owner.sequence >= 0 && check_position(p, owner, t);
      for (i64 head = blockIdx.x; head < p.heads; head += gridDim.x)
        for (i64 first = 0; first < p.d; first += kPiece * kOwn) {
          if (right) {
            attend(p, owner.sequence, head, t, first);
            continue;
          }
          for (i64 i = first + threadIdx.x; i < p.d && i < first + kPiece * kOwn; i += kPiece)
            store(static_cast<T*>(p.y) + (t * p.heads + head) * p.d + i, 0.0f);
        }
    }
  }
};

}  // namespace

// instances: AttentionAppend<Float32Cache Float16Cache Bfloat16Cache Int8Cache, dtype>
// instances: Attention<Float32Cache Float16Cache Bfloat16Cache Int8Cache, dtype>
