// y = x / sqrt(mean(x^2) + epsilon) * weight. A block per row, stepping by the grid; bound by memory.
#include "cuda/common.cuh"

namespace {

template <class T>
DEVICE void rms_norm(const T* x,          // (rows, columns)
                     const void* weight,  // (columns), of dtype weight_dtype
                     int weight_dtype,
                     T* y,  // (rows, columns), may be x
                     i64 rows, i64 columns, float epsilon) {
  for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* from = x + row * columns;
    float squares = 0;
    for (i64 i = threadIdx.x; i < columns; i += blockDim.x) squares += to_float(from[i]) * to_float(from[i]);
    const float scale = 1.0f / sqrtf(block_sum(squares) / static_cast<float>(columns) + epsilon);
    for (i64 i = threadIdx.x; i < columns; i += blockDim.x)
      store(y + row * columns + i, to_float(from[i]) * scale * load(weight, weight_dtype, i));
  }
}

}  // namespace

KERNEL(rms_norm_float32)
(const float* x, const void* weight, int weight_dtype, float* y, i64 rows, i64 columns, float epsilon) {
  rms_norm(x, weight, weight_dtype, y, rows, columns, epsilon);
}
KERNEL(rms_norm_float16)
(const Half* x, const void* weight, int weight_dtype, Half* y, i64 rows, i64 columns, float epsilon) {
  rms_norm(x, weight, weight_dtype, y, rows, columns, epsilon);
}
KERNEL(rms_norm_bfloat16)
(const Bfloat* x, const void* weight, int weight_dtype, Bfloat* y, i64 rows, i64 columns, float epsilon) {
  rms_norm(x, weight, weight_dtype, y, rows, columns, epsilon);
}
