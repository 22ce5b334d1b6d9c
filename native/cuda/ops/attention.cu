// Attention in two launches: keys and values of all rows are written to their slots, then rows attend. For every dtype and size.
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

// A block of eight warps per head and row, rows by grid.y, that splits the keys with its neighbours. A warp takes four keys at a time, its
// lanes side by side along their elements; then the warps merge their softmaxes, and the block that comes last those of the splits.
template <class C, class T>
struct Attention {
  using Params = lophi::cuda::AttentionSplitParams;
  using Element = typename C::Element;
  static constexpr int kWarps = 8, kKeys = 4, kUnit = kWarps * kKeys, kOwn = 4, kPart = 32 * kOwn;

  DEVICE static float scale_of(const float* scales, i64 slot) { return scales ? scales[slot] : 1.0f; }

  // Elements [first, first + kPart) of y of one row, over units [from, to) of its keys from `start` on.
  struct State {
    float top, sum, own[kOwn];
  };
  DEVICE static State attend(const Params& p, i64 sequence, i64 head, i64 t, i64 first, i64 from, i64 to) {
    const i64 group = head / (p.heads / p.groups), last = p.position[t];
    const T* q = static_cast<const T*>(p.qkv) + t * p.width + head * p.d;
    const float factor = p.scale * 1.4426950408889634f;
    float query[kOwn] = {};
    for (int k = 0; k < kOwn; ++k)
      if (const i64 i = lane_id() + 32 * k; i < p.d) query[k] = to_float(q[i]);
    State s{-kInfinity, 0, {}};
    for (i64 j = from + warp_id() * kKeys; j < to; j += kUnit) {
      i64 slots[kKeys];
      float scores[kKeys], values[kKeys][kOwn] = {}, top = s.top;
      for (int n = 0; n < kKeys; ++n) slots[n] = j + n <= last ? slot_of(p, sequence, group, j + n) : -1;
      for (int n = 0; n < kKeys; ++n) {
        scores[n] = 0;
        if (slots[n] < 0) continue;
        const Element *key = static_cast<const Element*>(p.keys) + slots[n] * p.d,
                      *value = static_cast<const Element*>(p.values) + slots[n] * p.d;
        for (int k = 0; k < kOwn; ++k)
          if (const i64 i = lane_id() + 32 * k; i < p.d) scores[n] += query[k] * to_float(key[i]);
        for (i64 i = kPart + lane_id(); i < p.d; i += 32) scores[n] += to_float(q[i]) * to_float(key[i]);
        for (int k = 0; k < kOwn; ++k)
          if (const i64 i = first + lane_id() + 32 * k; i < p.d) values[n][k] = to_float(value[i]);
      }
      for (int n = 0; n < kKeys; ++n) {
        scores[n] = warp_sum(scores[n]);
        if (slots[n] < 0)
          scores[n] = -kInfinity;
        else
          scores[n] *= scale_of(p.key_scales, slots[n]) * factor;
        top = fmaxf(top, scores[n]);
      }
      const float base = top == -kInfinity ? 0.0f : top, kept = exp2f(s.top - base);
      s.top = top;
      s.sum *= kept;
      for (int k = 0; k < kOwn; ++k) s.own[k] *= kept;
      for (int n = 0; n < kKeys; ++n) {
        const float weight = exp2f(scores[n] - base);
        s.sum += weight;
        const float scaled = slots[n] < 0 ? 0.0f : weight * scale_of(p.value_scales, slots[n]);
        for (int k = 0; k < kOwn; ++k) s.own[k] += scaled * values[n][k];
      }
    }
    return s;
  }

  DEVICE static void row(const Params& p, i64 sequence, i64 head, i64 t, i64 split) {
    SHARED(float, tops, kWarps);
    SHARED(float, sums, kWarps);
    SHARED(float, owns, kWarps* kPart);
    const i64 last = p.position[t], start = p.window && last >= p.window ? last - p.window + 1 : 0;
    const i64 units = (last - start) / kUnit + 1, each = (units + p.splits - 1) / p.splits;
    const int parts = static_cast<int>((units + each - 1) / each);
    if (split >= parts) return;
    const i64 from = start + split * each * kUnit, end = from + each * kUnit, to = end <= last ? end : last + 1;
    T* y = static_cast<T*>(p.y) + (t * p.heads + head) * p.d;
    const i64 at = t * p.heads + head, stride = p.d + 2;
    float* part = p.partial + (at * p.splits + split) * stride;
    for (i64 first = 0; first < p.d; first += kPart) {
      const State s = attend(p, sequence, head, t, first, from, to);
      __syncthreads();
      tops[warp_id()] = s.top;
      sums[warp_id()] = s.sum;
      for (int k = 0; k < kOwn; ++k) owns[warp_id() * kPart + 32 * k + lane_id()] = s.own[k];
      __syncthreads();
      float top = -kInfinity, sum = 0, value = 0;
      const int k = static_cast<int>(threadIdx.x);
      if (k >= kPart || first + k >= p.d) continue;
      for (int warp = 0; warp < kWarps; ++warp) top = fmaxf(top, tops[warp]);
      for (int warp = 0; warp < kWarps; ++warp) {
        const float weight = tops[warp] == -kInfinity ? 0.0f : exp2f(tops[warp] - top);
        sum += weight * sums[warp];
        value += weight * owns[warp * kPart + k];
      }
      if (parts == 1) {
        store(y + first + k, sum == 0 ? 0.0f : value / sum);
        continue;
      }
      part[k] = value;
      if (k == 0) part[p.d] = top;
      if (k == 0) part[p.d + 1] = sum;
    }
    if (parts == 1 || !comes_last(p.counters + at, parts)) return;
    const float* all = p.partial + at * p.splits * stride;
    for (i64 k = threadIdx.x; k < p.d; k += blockDim.x) store(y + k, merge_parts(all, stride, parts, p.d, k));
  }

  DEVICE static void run(const Params& p) {
    const i64 split = blockIdx.x % p.splits, head = blockIdx.x / p.splits;
    for (i64 t = blockIdx.y; t < p.tokens; t += gridDim.y) {
      const Owner owner = owner_of(p, t);
      if (owner.sequence >= 0 && check_position(p, owner, t)) {
        row(p, owner.sequence, head, t, split);
        continue;
      }
      for (i64 i = threadIdx.x; split == 0 && i < p.d; i += blockDim.x)
        store(static_cast<T*>(p.y) + (t * p.heads + head) * p.d + i, 0.0f);
    }
  }
};

}  // namespace

// instances: AttentionAppend<Float32Cache Float16Cache Bfloat16Cache Int8Cache, dtype>
// instances: Attention<Float32Cache Float16Cache Bfloat16Cache Int8Cache, dtype>
