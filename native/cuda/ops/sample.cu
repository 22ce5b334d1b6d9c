// Picks a token from each row of logits, in the order of test/ops/reference/sample.ts. A block per row, stepping by the grid. Nothing is
// sorted: probabilities are integers, and the block finds the places where their running sum passes top k, top p and the random number:
// among bins first, then among the few elements of one bin. Bound by the latency of a row's loads: two passes for the likeliest, six at most.
#include "cuda/ops/sample.h"
#include "cuda/row.cuh"
#include "cuda/select.cuh"

namespace {

enum Operand { kLogits, kParams, kSeeds, kPosition };

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"): the first word for counter (n, 0, 0, 0).
DEVICE unsigned philox(unsigned key0, unsigned key1, unsigned n) {
  unsigned c0 = n, c1 = 0, c2 = 0, c3 = 0;
  for (int round = 0; round < 10; ++round) {
    const u64 a = static_cast<u64>(0xD2511F53) * c0, b = static_cast<u64>(0xCD9E8D57) * c2;
    c0 = static_cast<unsigned>(b >> 32) ^ c1 ^ key0;
    c1 = static_cast<unsigned>(b);
    c2 = static_cast<unsigned>(a >> 32) ^ c3 ^ key1;
    c3 = static_cast<unsigned>(a);
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return c0;
}

// The row of params.
struct Chosen {
  float temperature, top_k, top_p, min_p, repeat, frequency, presence, unused;
  DEVICE bool repeats() const { return repeat != 0 && repeat != 1; }
  DEVICE bool penalizes() const { return repeats() || frequency != 0 || presence != 0; }
};

template <class T>
struct Sample {
  using Params = lophi::cuda::SampleParams;

  // What one penalised logit becomes, by the first of its places in the history.
  DEVICE static void penalize(float* logits, i64 vocabulary, const int* history, i64 window, const Chosen& p) {
    for (i64 i = threadIdx.x; i < window; i += blockDim.x) {
      const int id = history[i];
      if (id < 0 || id >= vocabulary) continue;
      i64 count = 0;
      bool first = true;
      for (i64 k = 0; k < window; ++k) {
        count += history[k] == id;
        first = first && (k >= i || history[k] != id);
      }
      if (!first) continue;
      float logit = logits[id];
      if (p.repeats()) logit = logit > 0 ? logit / p.repeat : logit * p.repeat;
      logit -= static_cast<float>(count) * p.frequency + p.presence;
      logits[id] = logit == logit ? logit : -kInfinity;
    }
  }

  // Bins of a row's elements by how far they lie behind the best, 16 to each factor of e: what stands in a bin stands in front of all
  // that stands in later ones. Each thread has one.
  static constexpr int kThreads = 512, kResident = 1, kBins = kThreads, kHeld = 1024;

  // How many elements a bin has, and what their weights add up to: words, as shared memory adds those by itself.
  struct Bins {
    unsigned *count, *low, *high;
    DEVICE void add(int bin, u64 weight) const {
      atomicAdd(count + bin, 1u);
      const unsigned words[2] = {static_cast<unsigned>(weight), static_cast<unsigned>(weight >> 32)};
      if (weight == 0) return;
      const unsigned before = atomicAdd(low + bin, words[0]);
      atomicAdd(high + bin, words[1] + (before + words[0] < before ? 1u : 0u));
    }
    DEVICE u64 weight(int bin) const { return static_cast<u64>(high[bin]) << 32 | low[bin]; }
  };

  // What the threads in front of this one have together.
  DEVICE static u64 in_front(u64 own) {
    SHARED(u64, partial, 32);
    u64 sum = own;
    for (int distance = 1; distance < 32; distance *= 2) {
      const u64 other = __shfl_sync(kAllLanes, sum, lane_id() < distance ? 0 : lane_id() - distance);
      if (lane_id() >= distance) sum += other;
    }
    __syncthreads();
    if (lane_id() == 31) partial[warp_id()] = sum;
    __syncthreads();
    u64 before = sum - own;
    for (int warp = 0; warp < warp_id(); ++warp) before += partial[warp];
    return before;
  }

  // An element in the order: its key, and the weights of all up to it and with it.
  struct Reached {
    u64 key, weight;
  };

  // Draws from the kept part of softmax(logits / temperature): top k, then top p, then min p. `best`: the first of the order.
  DEVICE static i64 draw(const float* logits, i64 count, u64 best, const Chosen& p, unsigned random) {
    SHARED(unsigned, words, 3 * kBins);
    SHARED(u64, keys, kHeld);
    SHARED(u64, weights, kHeld);
    SHARED(u64, found, 3);
    SHARED(unsigned, held, 1);
    const int me = static_cast<int>(threadIdx.x);
    const Bins bins{words, words + kBins, words + 2 * kBins};

    // A weight of 1; the weights of a row add up to less than 2^63.
    int bits = 0;
    while (count >> bits) ++bits;
    const float unit = static_cast<float>(static_cast<u64>(1) << (bits < 18 ? 44 : 62 - bits));
    const float top = logits[index_of(best)];
    const auto behind = [&](float logit) { return (logit - top) / p.temperature; };
    const auto weight_of = [&](float logit) -> u64 {
      const float weight = expf(behind(logit)) * unit + 0.5f;
      return weight > 0 ? static_cast<u64>(weight) : 0;  // none where penalties left nothing finite
    };
    const auto bin_of = [&](float logit) {
      const float at = -16.0f * behind(logit);
      return at < kBins - 1 ? static_cast<int>(at) : kBins - 1;
    };

    __syncthreads();
    for (int i = 0; i < 3; ++i) words[i * kBins + me] = 0;
    __syncthreads();
    each_of_row(logits, count, [&](i64, float logit) { bins.add(bin_of(logit), weight_of(logit)); });
    __syncthreads();
    const unsigned elements = bins.count[me];
    u64 weight = bins.weight(me);  // of what is kept in this thread's bin
    const auto elements_before = static_cast<unsigned>(in_front(elements));
    const u64 before = in_front(weight);
    u64 least = 0;  // the last key that is kept

    // Where the running sum, of elements or of the weights of those kept, exceeds `target`, which must be below the sum of all.
    const auto reach = [&](bool by_count, u64 target) -> Reached {
      const u64 own = by_count ? elements : weight, ahead = by_count ? elements_before : before;
      __syncthreads();
      if (ahead <= target && target < ahead + own) {
        found[0] = static_cast<u64>(me);
        found[1] = ahead;
        found[2] = before;
      }
      if (me == 0) *held = 0;
      __syncthreads();
      const int bin = static_cast<int>(found[0]);
      const u64 bin_ahead = found[1], bin_before = found[2];
      each_of_row(logits, count, [&](i64 i, float logit) {
        if (bin_of(logit) != bin) return;
        const u64 key = ranked(logit, i);
        if (key < least) return;
        const unsigned at = atomicAdd(held, 1u);
        if (at >= kHeld) return;
        keys[at] = key;
        weights[at] = weight_of(logit);
      });
      __syncthreads();
      const int here = static_cast<int>(*held);
      if (here > kHeld) {  // all alike, or all far behind
        const auto at = [&](i64 i) -> Amount {
          const u64 key = ranked(logits[i], i);
          const bool in = key >= least;
          return {key, !in ? 0 : by_count ? 1 : weight_of(logits[i])};
        };
        const u64 key = find_place(count, target, at).key;
        u64 sum = 0;
        each_of_row(logits, count, [&](i64 i, float logit) {
          if (ranked(logit, i) >= key) sum += weight_of(logit);
        });
        return {key, block_total(sum)};
      }
      for (int own = me; own < here; own += kThreads) {
        u64 sum = bin_ahead, in_all = bin_before;
        for (int i = 0; i < here; ++i) {
          if (keys[i] <= keys[own]) continue;
          sum += by_count ? 1 : weights[i];
          in_all += weights[i];
        }
        if (sum <= target && target < sum + (by_count ? 1 : weights[own])) {
          found[0] = keys[own];
          found[1] = in_all + weights[own];
        }
      }
      __syncthreads();
      return {found[0], found[1]};
    };
    // What stands behind `last` counts no more.
    const auto keep = [&](const Reached& last) {
      const int bin = bin_of(logits[index_of(last.key)]);
      least = last.key;
      if (me > bin) weight = 0;
      if (me == bin) weight = last.weight - before;
      return last.weight;
    };

    u64 mass = 0;
    if (p.top_k > 0 && p.top_k < static_cast<float>(count) && p.top_k >= 1)
      mass = keep(reach(true, static_cast<u64>(p.top_k) - 1));
    else
      mass = block_total(weight);
    if (mass == 0) return index_of(best);
    if (p.top_p < 1) {
      const double wanted = ceil(static_cast<double>(p.top_p) * static_cast<double>(mass));
      const u64 reached = wanted > 1 ? static_cast<u64>(wanted) - 1 : 0;
      mass = keep(reach(false, reached < mass ? reached : mass - 1));
    }
    if (p.min_p > 0) {  // of what is at least so likely, and of the likeliest in any case
      u64 sum = 0;
      each_of_row(logits, count, [&](i64 i, float logit) {
        const u64 key = ranked(logit, i);
        if (key >= least && (key == best || expf(behind(logit)) >= p.min_p)) sum += weight_of(logit);
      });
      mass = block_total(sum);
    }
    return index_of(reach(false, (mass >> 32) * random + ((mass & 0xffffffffu) * random >> 32)).key);
  }

  DEVICE static void row(const Params& p, i64 row) {
    const T* logits = static_cast<const T*>(p.logits) + row * p.vocabulary;
    float* changed = p.changed + row * p.vocabulary;
    int* history = p.histories + row * p.window;
    const Chosen& chosen = reinterpret_cast<const Chosen*>(p.params)[row];
    const int position = p.position[row];

    // Drawn from float32: one body of code, whose shared memory is there once.
    constexpr bool kFloats = sizeof(T) == sizeof(float);
    const bool copies = chosen.penalizes() || (!kFloats && chosen.temperature > 0);

    u64 best = 0;
    bool numbers = true;
    each_of_row(logits, p.vocabulary, [&](i64 i, T element) {
      const float logit = to_float(element);
      numbers = numbers && logit == logit;
      const u64 key = ranked(logit, i);
      best = best < key ? key : best;
      if (copies) changed[i] = logit;
    });
    best = block_largest(best);
    numbers = block_total(numbers ? 0 : 1) == 0;
    const float top = numbers ? to_float(logits[index_of(best)]) : bits_to_float(0x7fc00000);
    if (position < 0 || !(fabsf(top) < kInfinity)) {
      if (threadIdx.x != 0) return;
      if (position < 0)
        report(p.faults, kNegative, kPosition, row, position, 0);
      else
        report(p.faults, kFinite, kLogits, row, static_cast<int>(float_to_bits(top)), 0);
      p.id[row] = 0;
      p.logprob[row] = 0;
      return;
    }
    double sum = 0;
    each_of_row(logits, p.vocabulary, [&](i64, T logit) { sum += static_cast<double>(expf(to_float(logit) - top)); });
    sum = block_total(sum);

    if (chosen.penalizes()) {
      penalize(changed, p.vocabulary, history, p.window, chosen);
      __syncthreads();
      best = 0;
      each_of_row(changed, p.vocabulary, [&](i64 i, float logit) {
        const u64 key = ranked(logit, i);
        best = best < key ? key : best;
      });
      best = block_largest(best);
    }
    i64 id = index_of(best);
    if (chosen.temperature > 0) {
      const unsigned* seed = p.seeds + 2 * row;
      const unsigned random = philox(seed[0], seed[1], static_cast<unsigned>(position));
      id = draw(copies ? changed : static_cast<const float*>(p.logits) + row * p.vocabulary, p.vocabulary, best, chosen,
                random);
    }
    __syncthreads();  // the history has been read
    if (threadIdx.x != 0) return;
    p.id[row] = static_cast<int>(id);
    p.logprob[row] =
        static_cast<float>(static_cast<double>(to_float(logits[id])) - static_cast<double>(top) - log(sum));
    history[position % p.window] = static_cast<int>(id);
  }

  DEVICE static void run(const Params& p) {
    for (i64 r = blockIdx.x; r < p.rows; r += gridDim.x) row(p, r);
  }
};

}  // namespace

// instances: Sample<dtype>
