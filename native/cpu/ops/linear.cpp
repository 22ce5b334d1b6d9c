#include "cpu/ops/table.h"
#include "cpu/rows.h"

namespace lophi::cpu {
namespace {

// Columns in an order of their own are multiplied as floats: x is rounded once for all parts.
bool takes_int8(const CpuWeight::Part& part, int64_t k) { return !part.order && takes_int8(part.rows, k); }

Int8Rows quantize_rows(Context& cpu, const float* x, int64_t m, int64_t k) {
  const int64_t groups = k / 32;
  // values [m, k] | scales [m, groups] | sums [m, 2 * groups], in one block
  auto* values = cpu.scratch<int8_t>(static_cast<size_t>(m * (k + groups * 12)), kScratchInt8);
  auto* scales = reinterpret_cast<float*>(values + m * k);
  auto* sums = reinterpret_cast<int32_t*>(scales + m * groups);
  cpu.pool.run(m, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      cpu.isa.quantize_int8(x + i * k, k, values + i * k, scales + i * groups, sums + i * groups * 2);
  });
  return {values, scales, sums};
}

// x as each part multiplies it: its columns in the part's order.
std::vector<const float*> ordered_rows(Context& cpu, const CpuWeight& w, const float* x, int64_t m) {
  const int64_t k = w.columns;
  const auto ordered = std::count_if(w.stacked.begin(), w.stacked.end(), [](const auto& part) { return part.order; });
  float* to = ordered ? cpu.scratch<float>(static_cast<size_t>(ordered * m * k), kScratchOrdered) : nullptr;
  std::vector<const float*> rows;
  for (const CpuWeight::Part& part : w.stacked) {
    const int32_t* order = part.order;
    rows.push_back(order ? to : x);
    if (!order) continue;
    cpu.pool.run(m, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        for (int64_t c = 0; c < k; ++c) to[i * k + c] = x[i * k + order[c]];
    });
    to += m * k;
  }
  return rows;
}

// Columns [from, to) of y [m, n] get their part of the bias.
void add_bias(const Isa& isa, const float* bias, float* y, int64_t m, int64_t n, int64_t from, int64_t to) {
  for (int64_t i = 0; i < m; ++i) isa.add(y + i * n + from, bias + from, y + i * n + from, to - from);
}

}  // namespace

// Threads split the rows of w, which are read in place, once.
void linear(Context& cpu, const Call& call) {
  const args::Linear x(call);
  const auto& w = static_cast<const CpuWeight&>(x.w);
  const int64_t k = w.columns, n = w.rows, m = n ? x.y.count() / n : 0;
  const float* rows = float_rows(cpu, x.x);
  float* y = float_place(cpu, x.y);
  const bool int8 = x.activations == args::Linear::Activations::kInt8;
  const bool quantizes =
      int8 && std::any_of(w.stacked.begin(), w.stacked.end(), [&](const auto& part) { return takes_int8(part, k); });
  const Int8Rows quantized = quantizes ? quantize_rows(cpu, rows, m, k) : Int8Rows{};
  const std::vector<const float*> ordered = ordered_rows(cpu, w, rows, m);
  constexpr int64_t kGrainRows = 16;
  cpu.pool.run(n, kGrainRows, [&](int64_t begin, int64_t end) {
    for (size_t p = 0; p < w.stacked.size(); ++p) {
      const CpuWeight::Part& part = w.stacked[p];
      const int64_t from = std::max(begin, part.first_row), to = std::min(end, part.end_row());
      if (from >= to) continue;
      if (int8 && takes_int8(part, k))
        cpu.isa.matmul_int8(part.from(from), quantized, y + from, n, m, to - from, k);
      else
        cpu.isa.matmul(part.from(from), ordered[p], k, y + from, n, m, to - from, k);
    }
    if (x.bias) add_bias(cpu.isa, data_as<float>(*x.bias), y, m, n, begin, end);
  });
  store_place(cpu, x.y, y);
}

}  // namespace lophi::cpu
