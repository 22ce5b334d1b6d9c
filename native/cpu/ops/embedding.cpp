#include "core/fault.h"
#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

const CpuWeight::Part& part_of(const CpuWeight& w, int64_t row) {
  return *std::find_if(w.stacked.begin(), w.stacked.end(), [row](const auto& part) { return row < part.end_row(); });
}

// Row `row` as float32, its columns where x has them.
void read_row(const Isa& isa, const CpuWeight& w, int64_t row, float* to, std::vector<float>& buffer) {
  const CpuWeight::Part& part = part_of(w, row);
  const int32_t* order = part.order;
  if (!order) return isa.dequantize(part.from(row), to, w.columns);
  buffer.resize(static_cast<size_t>(w.columns));
  isa.dequantize(part.from(row), buffer.data(), w.columns);
  for (int64_t k = 0; k < w.columns; ++k) to[order[k]] = buffer[static_cast<size_t>(k)];
}

}  // namespace

void embedding(Context& cpu, const Call& call) {
  const args::Embedding x(call);
  const auto& table = static_cast<const CpuWeight&>(x.table);
  const int32_t* ids = data_as<int32_t>(x.ids);
  const int64_t count = x.ids.count(), c = table.columns;
  for (int64_t t = 0; t < count; ++t)
    if (ids[t] < 0 || ids[t] >= table.rows)
      throw fault_error("embedding", FaultKind::kIndex, "ids", t, ids[t], table.rows);
  cpu.pool.run(count, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, c)), [&](int64_t begin, int64_t end) {
    std::vector<float> buffer, unordered;
    for (int64_t t = begin; t < end; ++t) {
      float* to = float_target(x.y, t * c, c, buffer);
      read_row(cpu.isa, table, ids[t], to, unordered);
      store_row(cpu.isa, x.y, t * c, c, to);
    }
  });
}

}  // namespace lophi::cpu
