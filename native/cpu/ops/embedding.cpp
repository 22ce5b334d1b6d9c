#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

const std::byte* row_of(const CpuWeight& w, int64_t row) {
  for (const CpuWeight::Segment& s : w.segments)
    if (row < s.first_row + s.rows) return s.bytes.data + static_cast<size_t>(row - s.first_row) * w.stride;
  return nullptr;  // not reached: ids are checked against the rows
}

}  // namespace

void embedding(Context& cpu, const Call& call) {
  const args::Embedding x(call);
  const auto& table = static_cast<const CpuWeight&>(x.table);
  const int32_t* ids = data_as<int32_t>(x.ids);
  const int64_t count = x.ids.count(), c = table.columns;
  for (int64_t t = 0; t < count; ++t)
    if (ids[t] < 0 || ids[t] >= table.rows)
      throw range_error("embedding: ids[" + std::to_string(t) + "] must be below " + std::to_string(table.rows) +
                        ", but it is " + std::to_string(ids[t]));
  cpu.pool.run(count, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, c)), [&](int64_t begin, int64_t end) {
    std::vector<float> buffer;
    for (int64_t t = begin; t < end; ++t) {
      float* to = float_target(x.y, t * c, c, buffer);
      cpu.isa.dequantize(table.format, row_of(table, ids[t]), to, c);
      store_row(cpu.isa, x.y, t * c, c, to);
    }
  });
}

}  // namespace lophi::cpu
