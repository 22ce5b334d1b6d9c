#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void zeros(Context& cpu, const Call& call) {
  const args::Zeros x(call);
  std::byte* to = data_of(x.y);
  cpu.pool.run(static_cast<int64_t>(x.y.bytes()), kGrain * 16,
               [&](int64_t begin, int64_t end) { std::memset(to + begin, 0, static_cast<size_t>(end - begin)); });
}

}  // namespace lophi::cpu
