// Picks a token from each row of logits, in the order of test/ops/reference/sample.ts. A block per row, stepping by the grid. Nothing is
// sorted: probabilities are integers, and the block finds the places where their running sum passes top k, top p and the random number.
#include "cuda/ops/sample.h"
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

  // Draws from the kept part of softmax(logits / temperature): top k, then top p, then min p. `best`: the first of the order.
  DEVICE static i64 draw(const float* logits, i64 count, u64 best, const Chosen& p, unsigned random) {
    // A weight of 1; the weights of a row add up to less than 2^63.
    int bits = 0;
    while (count >> bits) ++bits;
    const float unit = static_cast<float>(static_cast<u64>(1) << (bits < 18 ? 44 : 62 - bits));
    const float top = logits[index_of(best)];
    const auto share = [&](float logit) { return expf((logit - top) / p.temperature); };
    u64 least = 0;  // the last key that is kept
    const auto weigh = [&](i64 i) -> Amount {
      const u64 key = ranked(logits[i], i);
      return {key, key < least ? 0 : static_cast<u64>(share(logits[i]) * unit + 0.5f)};
    };
    // Of what is at least so likely as `smallest` times the likeliest, which counts in any case.
    const auto total_of = [&](float smallest) {
      u64 sum = 0;
      for (i64 i = threadIdx.x; i < count; i += blockDim.x)
        if (const Amount element = weigh(i); element.key == best || share(logits[i]) >= smallest) sum += element.amount;
      return block_total(sum);
    };

    if (p.top_k > 0 && p.top_k < static_cast<float>(count) && p.top_k >= 1)
      least = find_place(count, static_cast<u64>(p.top_k) - 1, [&](i64 i) -> Amount {
                return {ranked(logits[i], i), 1};
              }).key;
    u64 mass = total_of(0);
    if (mass == 0) return index_of(best);
    if (p.top_p < 1) {
      const double wanted = ceil(static_cast<double>(p.top_p) * static_cast<double>(mass));
      const u64 reached = wanted > 1 ? static_cast<u64>(wanted) - 1 : 0;
      const Place last = find_place(count, reached < mass ? reached : mass - 1, weigh);
      least = last.key;
      mass = last.before + weigh(index_of(last.key)).amount;
    }
    if (p.min_p > 0) mass = total_of(p.min_p);
    const u64 target = (mass >> 32) * random + ((mass & 0xffffffffu) * random >> 32);
    return index_of(find_place(count, target, weigh).key);
  }

  // f(i, logit) for this thread's logits; eight are on their way at once.
  template <class F>
  DEVICE static void each(const T* logits, i64 count, F&& f) {
    constexpr int kAtOnce = 8;
    for (i64 first = threadIdx.x; first < count; first += kAtOnce * static_cast<i64>(blockDim.x)) {
      T held[kAtOnce];
#pragma unroll
      for (int n = 0; n < kAtOnce; ++n)
        if (const i64 i = first + n * static_cast<i64>(blockDim.x); i < count) held[n] = logits[i];
#pragma unroll
      for (int n = 0; n < kAtOnce; ++n)
        if (const i64 i = first + n * static_cast<i64>(blockDim.x); i < count) f(i, to_float(held[n]));
    }
  }

  DEVICE static void row(const Params& p, i64 row) {
    const T* logits = static_cast<const T*>(p.logits) + row * p.vocabulary;
    float* changed = p.changed + row * p.vocabulary;
    int* history = p.histories + row * p.window;
    const Chosen& chosen = reinterpret_cast<const Chosen*>(p.params)[row];
    const int position = p.position[row];

    const bool copies = chosen.penalizes() || chosen.temperature > 0;
    u64 best = 0;
    bool numbers = true;
    each(logits, p.vocabulary, [&](i64 i, float logit) {
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
    each(logits, p.vocabulary, [&](i64, float logit) { sum += static_cast<double>(expf(logit - top)); });
    sum = block_total(sum);

    if (chosen.penalizes()) {
      penalize(changed, p.vocabulary, history, p.window, chosen);
      __syncthreads();
      best = 0;
      for (i64 i = threadIdx.x; i < p.vocabulary; i += blockDim.x)
        if (const u64 key = ranked(changed[i], i); best < key) best = key;
      best = block_largest(best);
    }
    i64 id = index_of(best);
    if (chosen.temperature > 0) {
      const unsigned* seed = p.seeds + 2 * row;
      id = draw(changed, p.vocabulary, best, chosen, philox(seed[0], seed[1], static_cast<unsigned>(position)));
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
