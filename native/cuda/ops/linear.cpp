#include "cuda/ops/table.h"
#include "cuda/params.h"

namespace lophi::cuda {

void linear(Context& cuda, const Call& call) {
  const args::Linear x(call);
  const auto& w = static_cast<const CudaWeight&>(x.w);
  const bool quantized = w.format == WeightFormat::kQ8_0 || w.format == WeightFormat::kQ4_0;
  const bool int8 = quantized && x.activations == args::Linear::Activations::kInt8;
  const LinearSize size{w.rows ? x.y.count() / w.rows : 0, w.rows, w.columns, int8};
  const Grid grid{blocks(size.n, 8), size.m};
  cuda.launch("linear", std::string(info_of(w.format).name) + "_" + name_of(x.x.dtype), grid, address_of(x.x),
              address_of(*w.data), address_of(x.y), size);
}

}  // namespace lophi::cuda
