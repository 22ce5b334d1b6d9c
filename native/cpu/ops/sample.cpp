#include <bit>
#include <cmath>

#include "core/fault.h"
#include "cpu/elements.h"
#include "cpu/ops/table.h"
#include "cpu/thread_scratch.h"

namespace lophi::cpu {
namespace {

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"): the first word for counter (n, 0, 0, 0).
uint32_t philox(uint32_t key0, uint32_t key1, uint32_t n) {
  uint32_t c[4] = {n, 0, 0, 0};
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    const uint32_t next[4] = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ key0, static_cast<uint32_t>(b),
                              static_cast<uint32_t>(a >> 32) ^ c[3] ^ key1, static_cast<uint32_t>(a)};
    std::copy(next, next + 4, c);
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return c[0];
}

// Σ e^(logit - top). Many small terms beside a large sum: float32 would lose them, so the sums of a piece are double.
double sum_exp(const Isa& isa, const float* logits, int64_t n, float top) {
  constexpr int64_t kPiece = 1024;
  float piece[kPiece];
  double sums[8] = {};  // hide the latency of the addition
  for (int64_t first = 0; first < n; first += kPiece) {
    const int64_t count = std::min(kPiece, n - first);
    std::memcpy(piece, logits + first, static_cast<size_t>(count) * sizeof(float));
    isa.exp_sum(piece, top, count);
    for (int64_t i = 0; i < count; ++i) sums[i % 8] += static_cast<double>(piece[i]);
  }
  double sum = 0;
  for (double part : sums) sum += part;
  return sum;
}

struct Params {
  float temperature, top_k, top_p, min_p, repeat_penalty, frequency_penalty, presence_penalty, unused;
};

bool repeats(const Params& p) { return p.repeat_penalty != 0 && p.repeat_penalty != 1; }
bool penalizes(const Params& p) { return repeats(p) || p.frequency_penalty != 0 || p.presence_penalty != 0; }

void penalize(std::span<float> logits, std::span<const int32_t> history, const Params& p) {
  std::vector<int32_t> ids(history.begin(), history.end());
  std::sort(ids.begin(), ids.end());
  for (size_t i = 0, next; i < ids.size(); i = next) {
    for (next = i + 1; next < ids.size() && ids[next] == ids[i];) ++next;
    if (ids[i] < 0 || ids[i] >= static_cast<int64_t>(logits.size())) continue;
    float& logit = logits[static_cast<size_t>(ids[i])];
    if (repeats(p)) logit = logit > 0 ? logit / p.repeat_penalty : logit * p.repeat_penalty;
    logit -= static_cast<float>(next - i) * p.frequency_penalty + p.presence_penalty;
    if (std::isnan(logit)) logit = -std::numeric_limits<float>::infinity();  // an order needs numbers
  }
}

// Draws with u in [0, 1) from the kept part of softmax(logits / temperature): top k, then top p, then min p.
int32_t draw(std::span<const float> logits, const Params& p, double u) {
  std::vector<int32_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  const auto before = [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  const auto k = p.top_k > 0 ? static_cast<size_t>(std::min(p.top_k, static_cast<float>(order.size()))) : 0;
  if (k > 0 && k < order.size()) {
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(), before);
    order.resize(k);
  }
  // A heap gives the candidates in falling order, and only as many as are asked for.
  const auto behind = [&](int32_t a, int32_t b) { return before(b, a); };
  std::make_heap(order.begin(), order.end(), behind);
  const double top = logits[order.front()];
  const auto weight = [&](int32_t id) { return std::exp((logits[id] - top) / static_cast<double>(p.temperature)); };
  double total = 0;
  for (int32_t id : order) total += weight(id);

  const bool top_p = p.top_p < 1;
  std::vector<std::pair<int32_t, double>> kept;
  double mass = 0;
  for (size_t n = order.size(); n > 0; --n) {
    const double probability = weight(order.front()) / total;
    if (p.min_p > 0 && !kept.empty() && probability < static_cast<double>(p.min_p) * kept.front().second) break;
    kept.emplace_back(order.front(), probability);
    mass += probability;
    if (top_p ? mass >= static_cast<double>(p.top_p) : p.min_p <= 0 && mass > u) break;
    std::pop_heap(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), behind);
  }
  const double target = top_p || p.min_p > 0 ? u * mass : u;
  double sum = 0;
  for (const auto& [id, probability] : kept)
    if ((sum += probability) > target) return id;
  return kept.back().first;
}

// Row `row` of the call. The vocabulary is copied only where its numbers must change: 16-bit logits and penalties.
void sample_row(const Isa& isa, const args::Sample& x, int64_t row) {
  const int64_t vocabulary = x.logits.dim(1), window = x.histories.dim(1);
  const int32_t position = data_as<int32_t>(x.position)[row];
  if (position < 0) throw fault_error("sample", FaultKind::kNegative, "position", row, position);
  Params p;
  std::memcpy(&p, data_of(x.params) + static_cast<size_t>(row) * sizeof p, sizeof p);
  int32_t* history = data_as<int32_t>(x.histories) + row * window;

  std::vector<float>& copy = thread_scratch().scores;
  const float* logits = float_row(isa, x.logits, row * vocabulary, vocabulary, copy);
  const float top = isa.max(logits, vocabulary);
  if (!std::isfinite(top)) throw fault_error("sample", FaultKind::kFinite, "logits", row, std::bit_cast<int32_t>(top));
  const double log_sum = std::log(sum_exp(isa, logits, vocabulary, top));

  if (penalizes(p)) {
    if (logits != copy.data()) copy.assign(logits, logits + vocabulary);
    penalize(copy, {history, static_cast<size_t>(window)}, p);
    logits = copy.data();
  }
  int32_t id;
  if (p.temperature > 0) {
    const uint32_t* seed = data_as<uint32_t>(x.seeds) + row * 2;
    id = draw({logits, static_cast<size_t>(vocabulary)}, p,
              philox(seed[0], seed[1], static_cast<uint32_t>(position)) * 0x1p-32);
  } else {
    id = static_cast<int32_t>(std::max_element(logits, logits + vocabulary) - logits);
  }
  std::vector<float> raw;
  const float logit = *float_row(isa, x.logits, row * vocabulary + id, 1, raw);
  data_as<int32_t>(x.id)[row] = id;
  data_as<float>(x.logprob)[row] = static_cast<float>(logit - top - log_sum);
  history[position % window] = id;
}

}  // namespace

void sample(Context& cpu, const Call& call) {
  const args::Sample x(call);
  cpu.pool.run(x.logits.dim(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) sample_row(cpu.isa, x, row);
  });
}

}  // namespace lophi::cpu
