#include "cpu/convert.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {

void cast(Context& cpu, const Call& call) {
  const args::Cast x(call);
  const DType from = x.x.dtype, to = x.y.dtype;
  const std::byte* source = data_of(x.x);
  std::byte* target = data_of(x.y);
  cpu.pool.run(x.y.count(), grain_for(to, kGrain), [&](int64_t begin, int64_t end) {
    const int64_t n = end - begin;
    if (from == DType::kFloat32 && is_float(to) && to != from)
      cpu.isa.from_float(to, reinterpret_cast<const float*>(source) + begin, target + begin * 2, n);
    else if (to == DType::kFloat32 && is_float(from) && to != from)
      cpu.isa.to_float(from, source + begin * 2, reinterpret_cast<float*>(target) + begin, n);
    else
      for (int64_t i = begin; i < end; ++i) store_element(to, target, i, load_element(from, source, i));
  });
}

}  // namespace lophi::cpu
