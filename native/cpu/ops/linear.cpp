#include "cpu/ops/table.h"
#include "cpu/rows.h"

namespace lophi::cpu {
namespace {

bool takes_int8(WeightFormat format) { return format == WeightFormat::kQ8_0 || format == WeightFormat::kQ4_0; }

// Calls f(data, row, count) for the rows [begin, end) of a weight, once per segment that holds some of them.
template <class F>
void each_segment(const CpuWeight& w, int64_t begin, int64_t end, F&& f) {
  for (const CpuWeight::Segment& s : w.segments) {
    const int64_t from = std::max(begin, s.first_row), to = std::min(end, s.first_row + s.rows);
    if (from < to) f(s.bytes.data + static_cast<size_t>(from - s.first_row) * w.stride, from, to - from);
  }
}

Int8Rows quantize_rows(Context& cpu, const float* x, int64_t m, int64_t k) {
  const int64_t groups = k / 32;
  // values [m, k] | scales [m, groups] | sums [m, groups], in one block
  auto* values = cpu.scratch.get<int8_t>(static_cast<size_t>(m * (k + groups * 8)), kScratchInt8);
  auto* scales = reinterpret_cast<float*>(values + m * k);
  auto* sums = reinterpret_cast<int32_t*>(scales + m * groups);
  cpu.pool.run(m, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      cpu.isa.quantize_int8(x + i * k, k, values + i * k, scales + i * groups, sums + i * groups);
  });
  return {values, scales, sums};
}

}  // namespace

// Threads split the rows of w, which are read in place, once.
void linear(Context& cpu, const Call& call) {
  const args::Linear x(call);
  const auto& w = static_cast<const CpuWeight&>(x.w);
  const int64_t k = w.columns, n = w.rows, m = n ? x.y.count() / n : 0;
  const float* rows = float_rows(cpu, x.x);
  float* y = float_place(cpu, x.y);
  constexpr int64_t kGrainRows = 16;
  if (x.activations == args::Linear::Activations::kInt8 && takes_int8(w.format)) {
    const Int8Rows quantized = quantize_rows(cpu, rows, m, k);
    cpu.pool.run(n, kGrainRows, [&](int64_t begin, int64_t end) {
      each_segment(w, begin, end, [&](const std::byte* data, int64_t row, int64_t count) {
        cpu.isa.matmul_int8(w.format, data, w.stride, quantized, y + row, n, m, count, k);
      });
    });
  } else {
    cpu.pool.run(n, kGrainRows, [&](int64_t begin, int64_t end) {
      each_segment(w, begin, end, [&](const std::byte* data, int64_t row, int64_t count) {
        cpu.isa.matmul(w.format, data, w.stride, rows, k, y + row, n, m, count, k);
      });
    });
  }
  store_place(cpu, x.y, y);
}

}  // namespace lophi::cpu
