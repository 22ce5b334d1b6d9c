// Generated from native/cuda/ops/*.cu and lib/ops/schema.ts by npm run gen; do not edit.
// clang-format off
#pragma once
#include "core/ops.gen.h"

namespace lophi::cuda {

struct KernelName {
  const char* module;  // the file in ops/
  const char* name;
};
inline constexpr KernelName kKernels[] = {
    {"binary", "add_float32"},
    {"binary", "add_float16"},
    {"binary", "add_bfloat16"},
    {"binary", "add_int32"},
    {"binary", "sub_float32"},
    {"binary", "sub_float16"},
    {"binary", "sub_bfloat16"},
    {"binary", "sub_int32"},
    {"binary", "mul_float32"},
    {"binary", "mul_float16"},
    {"binary", "mul_bfloat16"},
    {"binary", "mul_int32"},
    {"binary", "div_float32"},
    {"binary", "div_float16"},
    {"binary", "div_bfloat16"},
    {"binary", "maximum_float32"},
    {"binary", "maximum_float16"},
    {"binary", "maximum_bfloat16"},
    {"binary", "maximum_int32"},
    {"binary", "minimum_float32"},
    {"binary", "minimum_float16"},
    {"binary", "minimum_bfloat16"},
    {"binary", "minimum_int32"},
    {"embedding", "embedding_float32"},
    {"embedding", "embedding_float16"},
    {"embedding", "embedding_bfloat16"},
    {"linear", "linear_float32"},
    {"linear", "linear_float16"},
    {"linear", "linear_bfloat16"},
    {"matmul_int4", "matmul_int4_float32"},
    {"matmul_int4", "matmul_int4_float16"},
    {"matmul_int4", "matmul_int4_bfloat16"},
    {"reduce", "sum_float32"},
    {"reduce", "sum_float16"},
    {"reduce", "sum_bfloat16"},
    {"reduce", "sum_int32"},
    {"reduce", "mean_float32"},
    {"reduce", "mean_float16"},
    {"reduce", "mean_bfloat16"},
    {"reduce", "max_float32"},
    {"reduce", "max_float16"},
    {"reduce", "max_bfloat16"},
    {"reduce", "max_int32"},
    {"repack", "repack_levels"},
    {"repack", "repack_groups"},
    {"rms_norm", "rms_norm_float32"},
    {"rms_norm", "rms_norm_float16"},
    {"rms_norm", "rms_norm_bfloat16"},
    {"unary", "neg_float32"},
    {"unary", "neg_float16"},
    {"unary", "neg_bfloat16"},
    {"unary", "neg_int32"},
    {"unary", "exp_float32"},
    {"unary", "exp_float16"},
    {"unary", "exp_bfloat16"},
    {"unary", "log_float32"},
    {"unary", "log_float16"},
    {"unary", "log_bfloat16"},
    {"unary", "sqrt_float32"},
    {"unary", "sqrt_float16"},
    {"unary", "sqrt_bfloat16"},
    {"unary", "tanh_float32"},
    {"unary", "tanh_float16"},
    {"unary", "tanh_bfloat16"},
    {"unary", "sigmoid_float32"},
    {"unary", "sigmoid_float16"},
    {"unary", "sigmoid_bfloat16"},
    {"where", "where_bits16"},
    {"where", "where_bits32"},
};
inline constexpr int kKernelCount = 69;

// of Binary; -1 where there is none
constexpr int binary_kernel(Op op, DType dtype) {
  if (op == Op::kAdd && dtype == DType::kFloat32) return 0;
  if (op == Op::kAdd && dtype == DType::kFloat16) return 1;
  if (op == Op::kAdd && dtype == DType::kBfloat16) return 2;
  if (op == Op::kAdd && dtype == DType::kInt32) return 3;
  if (op == Op::kSub && dtype == DType::kFloat32) return 4;
  if (op == Op::kSub && dtype == DType::kFloat16) return 5;
  if (op == Op::kSub && dtype == DType::kBfloat16) return 6;
  if (op == Op::kSub && dtype == DType::kInt32) return 7;
  if (op == Op::kMul && dtype == DType::kFloat32) return 8;
  if (op == Op::kMul && dtype == DType::kFloat16) return 9;
  if (op == Op::kMul && dtype == DType::kBfloat16) return 10;
  if (op == Op::kMul && dtype == DType::kInt32) return 11;
  if (op == Op::kDiv && dtype == DType::kFloat32) return 12;
  if (op == Op::kDiv && dtype == DType::kFloat16) return 13;
  if (op == Op::kDiv && dtype == DType::kBfloat16) return 14;
  if (op == Op::kMaximum && dtype == DType::kFloat32) return 15;
  if (op == Op::kMaximum && dtype == DType::kFloat16) return 16;
  if (op == Op::kMaximum && dtype == DType::kBfloat16) return 17;
  if (op == Op::kMaximum && dtype == DType::kInt32) return 18;
  if (op == Op::kMinimum && dtype == DType::kFloat32) return 19;
  if (op == Op::kMinimum && dtype == DType::kFloat16) return 20;
  if (op == Op::kMinimum && dtype == DType::kBfloat16) return 21;
  if (op == Op::kMinimum && dtype == DType::kInt32) return 22;
  return -1;
}

// of Embedding; -1 where there is none
constexpr int embedding_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 23;
  if (dtype == DType::kFloat16) return 24;
  if (dtype == DType::kBfloat16) return 25;
  return -1;
}

// of Linear; -1 where there is none
constexpr int linear_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 26;
  if (dtype == DType::kFloat16) return 27;
  if (dtype == DType::kBfloat16) return 28;
  return -1;
}

// of MatmulInt4; -1 where there is none
constexpr int matmul_int4_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 29;
  if (dtype == DType::kFloat16) return 30;
  if (dtype == DType::kBfloat16) return 31;
  return -1;
}

// of Reduce; -1 where there is none
constexpr int reduce_kernel(Op op, DType dtype) {
  if (op == Op::kSum && dtype == DType::kFloat32) return 32;
  if (op == Op::kSum && dtype == DType::kFloat16) return 33;
  if (op == Op::kSum && dtype == DType::kBfloat16) return 34;
  if (op == Op::kSum && dtype == DType::kInt32) return 35;
  if (op == Op::kMean && dtype == DType::kFloat32) return 36;
  if (op == Op::kMean && dtype == DType::kFloat16) return 37;
  if (op == Op::kMean && dtype == DType::kBfloat16) return 38;
  if (op == Op::kMax && dtype == DType::kFloat32) return 39;
  if (op == Op::kMax && dtype == DType::kFloat16) return 40;
  if (op == Op::kMax && dtype == DType::kBfloat16) return 41;
  if (op == Op::kMax && dtype == DType::kInt32) return 42;
  return -1;
}

enum class RepackVariant { kLevels, kGroups };
// of Repack; -1 where there is none
constexpr int repack_kernel(RepackVariant variant) {
  if (variant == RepackVariant::kLevels) return 43;
  if (variant == RepackVariant::kGroups) return 44;
  return -1;
}

// of RmsNorm; -1 where there is none
constexpr int rms_norm_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 45;
  if (dtype == DType::kFloat16) return 46;
  if (dtype == DType::kBfloat16) return 47;
  return -1;
}

// of Unary; -1 where there is none
constexpr int unary_kernel(Op op, DType dtype) {
  if (op == Op::kNeg && dtype == DType::kFloat32) return 48;
  if (op == Op::kNeg && dtype == DType::kFloat16) return 49;
  if (op == Op::kNeg && dtype == DType::kBfloat16) return 50;
  if (op == Op::kNeg && dtype == DType::kInt32) return 51;
  if (op == Op::kExp && dtype == DType::kFloat32) return 52;
  if (op == Op::kExp && dtype == DType::kFloat16) return 53;
  if (op == Op::kExp && dtype == DType::kBfloat16) return 54;
  if (op == Op::kLog && dtype == DType::kFloat32) return 55;
  if (op == Op::kLog && dtype == DType::kFloat16) return 56;
  if (op == Op::kLog && dtype == DType::kBfloat16) return 57;
  if (op == Op::kSqrt && dtype == DType::kFloat32) return 58;
  if (op == Op::kSqrt && dtype == DType::kFloat16) return 59;
  if (op == Op::kSqrt && dtype == DType::kBfloat16) return 60;
  if (op == Op::kTanh && dtype == DType::kFloat32) return 61;
  if (op == Op::kTanh && dtype == DType::kFloat16) return 62;
  if (op == Op::kTanh && dtype == DType::kBfloat16) return 63;
  if (op == Op::kSigmoid && dtype == DType::kFloat32) return 64;
  if (op == Op::kSigmoid && dtype == DType::kFloat16) return 65;
  if (op == Op::kSigmoid && dtype == DType::kBfloat16) return 66;
  return -1;
}

enum class WhereVariant { kBits16, kBits32 };
// of Where; -1 where there is none
constexpr int where_kernel(WhereVariant variant) {
  if (variant == WhereVariant::kBits16) return 67;
  if (variant == WhereVariant::kBits32) return 68;
  return -1;
}

}  // namespace lophi::cuda
