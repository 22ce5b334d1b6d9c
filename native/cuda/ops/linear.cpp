#include "cuda/ops/table.h"

namespace lophi::cuda {
namespace {

LinearVariant variant_of(WeightFormat format) {
  switch (format) {
    case WeightFormat::kFloat32:
      return LinearVariant::kFloat32;
    case WeightFormat::kFloat16:
      return LinearVariant::kFloat16;
    case WeightFormat::kBfloat16:
      return LinearVariant::kBfloat16;
    case WeightFormat::kQ8_0:
      return LinearVariant::kQ8_0;
    default:
      return LinearVariant::kQ4_0;
  }
}

}  // namespace

void linear(Context& cuda, const Call& call) {
  const args::Linear x(call);
  const auto& w = static_cast<const CudaWeight&>(x.w);
  const bool quantized = w.format == WeightFormat::kQ8_0 || w.format == WeightFormat::kQ4_0;
  const bool int8 = quantized && x.activations == args::Linear::Activations::kInt8;
  const int64_t m = w.rows ? x.y.count() / w.rows : 0;
  const LinearParams p{pointer_to(x.x),
                       pointer_to<unsigned char>(*w.data),
                       x.bias ? pointer_to<float>(*x.bias) : nullptr,
                       pointer_to(x.y),
                       m,
                       w.rows,
                       w.columns,
                       int8};
  cuda.launch(linear_kernel(variant_of(w.format), x.x.dtype), {blocks(w.rows, 8), m}, p);
}

}  // namespace lophi::cuda
