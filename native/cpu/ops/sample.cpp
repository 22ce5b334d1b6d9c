#include <cmath>

#include "cpu/elements.h"
#include "cpu/ops/table.h"

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

// An order needs numbers: NaN counts as impossible.
void forget_nan(std::vector<float>& logits) {
  for (float& logit : logits)
    if (std::isnan(logit)) logit = -std::numeric_limits<float>::infinity();
}

// Many small terms beside a large sum: float32 would lose them. Eight sums hide the latency of the addition.
double sum_of(const std::vector<float>& values) {
  double sums[8] = {};
  const size_t whole = values.size() / 8 * 8;
  for (size_t i = 0; i < whole; i += 8)
    for (size_t k = 0; k < 8; ++k) sums[k] += static_cast<double>(values[i + k]);
  double sum = 0;
  for (double part : sums) sum += part;
  for (size_t i = whole; i < values.size(); ++i) sum += static_cast<double>(values[i]);
  return sum;
}

struct Params {
  float temperature, top_k, top_p, min_p, repeat_penalty, frequency_penalty, presence_penalty, unused;
};

void penalize(std::vector<float>& logits, std::span<const int32_t> history, const Params& p) {
  const bool repeats = p.repeat_penalty != 0 && p.repeat_penalty != 1;
  if (!repeats && p.frequency_penalty == 0 && p.presence_penalty == 0) return;
  std::vector<int32_t> ids(history.begin(), history.end());
  std::sort(ids.begin(), ids.end());
  for (size_t i = 0, next; i < ids.size(); i = next) {
    for (next = i + 1; next < ids.size() && ids[next] == ids[i];) ++next;
    if (ids[i] < 0 || ids[i] >= static_cast<int64_t>(logits.size())) continue;
    float& logit = logits[static_cast<size_t>(ids[i])];
    if (repeats) logit = logit > 0 ? logit / p.repeat_penalty : logit * p.repeat_penalty;
    logit -= static_cast<float>(next - i) * p.frequency_penalty + p.presence_penalty;
  }
}

// Draws with u in [0, 1) from the kept part of softmax(logits / temperature): top k, then top p, then min p.
int32_t draw(const std::vector<float>& logits, const Params& p, double u) {
  std::vector<int32_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  const auto before = [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  const auto k = static_cast<size_t>(std::clamp(p.top_k, 0.0f, static_cast<float>(order.size())));
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

  const bool top_p = p.top_p > 0 && p.top_p < 1;
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

}  // namespace

void sample(Context& cpu, const Call& call) {
  const args::Sample x(call);
  const int64_t vocabulary = x.logits.dim(1), window = x.history.dim(0);
  std::vector<float> logits(static_cast<size_t>(vocabulary));
  if (x.logits.dtype == DType::kFloat32)
    std::memcpy(logits.data(), data_of(x.logits), logits.size() * sizeof(float));
  else
    cpu.isa.to_float(x.logits.dtype, data_of(x.logits), logits.data(), vocabulary);
  forget_nan(logits);

  std::vector<float> raw = logits;
  const float top = cpu.isa.max(raw.data(), vocabulary);
  cpu.isa.exp_sum(raw.data(), top, vocabulary);
  const double log_sum = std::log(sum_of(raw));

  Params p;
  std::memcpy(&p, data_of(x.params), sizeof p);
  int32_t* history = data_as<int32_t>(x.history);
  const int32_t position = *data_as<int32_t>(x.position);
  if (position < 0) throw range_error("sample: position must not be negative, but it is " + std::to_string(position));
  std::vector<float> changed = logits;
  penalize(changed, {history, static_cast<size_t>(window)}, p);
  forget_nan(changed);
  int32_t id;
  if (p.temperature > 0) {
    const uint32_t* seed = data_as<uint32_t>(x.seed);
    id = draw(changed, p, philox(seed[0], seed[1], static_cast<uint32_t>(position)) * 0x1p-32);
  } else {
    id = static_cast<int32_t>(std::max_element(changed.begin(), changed.end()) - changed.begin());
  }
  *data_as<int32_t>(x.id) = id;
  *data_as<float>(x.logprob) = static_cast<float>(logits[static_cast<size_t>(id)] - top - log_sum);
  history[position % window] = id;
}

}  // namespace lophi::cpu
