#include "cpu/layout.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void copy(Context& cpu, const Call& call) {
  const args::Copy x(call);
  const std::byte* from = data_of(x.x);
  std::byte* to = data_of(x.y);
  cpu.pool.run(static_cast<int64_t>(x.y.bytes()), kGrain * 16, [&](int64_t begin, int64_t end) {
    std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin));
  });
}

}  // namespace lophi::cpu
