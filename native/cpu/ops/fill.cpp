// Tensors out of nothing but attributes.
#include "cpu/convert.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

void zeros(Context& cpu, const Call& call) {
  const args::Zeros x(call);
  std::byte* to = data_of(x.y);
  cpu.pool.run(static_cast<int64_t>(x.y.bytes()), kGrain * 16,
               [&](int64_t begin, int64_t end) { std::memset(to + begin, 0, static_cast<size_t>(end - begin)); });
}

// y[i] = value(i)
template <class F>
void fill(Context& cpu, const View& y, F&& value) {
  cpu.pool.run(y.count(), grain_for(y.dtype, kGrain), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) store_element(y.dtype, data_of(y), i, value(i));
  });
}

void full(Context& cpu, const Call& call) {
  const args::Full x(call);
  fill(cpu, x.y, [&](int64_t) { return x.value; });
}

void arange(Context& cpu, const Call& call) {
  const args::Arange x(call);
  fill(cpu, x.y, [&](int64_t i) { return x.start + static_cast<double>(i) * x.step; });
}

constexpr Row kRows[] = {{Op::kZeros, zeros}, {Op::kFull, full}, {Op::kArange, arange}};

}  // namespace

std::span<const Row> fill_ops() { return kRows; }

}  // namespace lophi::cpu
