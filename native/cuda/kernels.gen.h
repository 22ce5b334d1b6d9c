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
    {"cast", "cast_float32"},
    {"cast", "cast_float16"},
    {"cast", "cast_bfloat16"},
    {"cast", "cast_int8"},
    {"cast", "cast_uint8"},
    {"cast", "cast_int4"},
    {"cast", "cast_uint4"},
    {"cast", "cast_int32"},
    {"cast", "cast_uint32"},
    {"dequantize", "dequantize_float32"},
    {"dequantize", "dequantize_float16"},
    {"dequantize", "dequantize_bfloat16"},
    {"embedding", "embedding_float32"},
    {"embedding", "embedding_float16"},
    {"embedding", "embedding_bfloat16"},
    {"fill", "arange_float32"},
    {"fill", "arange_float16"},
    {"fill", "arange_bfloat16"},
    {"fill", "arange_int8"},
    {"fill", "arange_uint8"},
    {"fill", "arange_int4"},
    {"fill", "arange_uint4"},
    {"fill", "arange_int32"},
    {"fill", "arange_uint32"},
    {"layout", "slice_bits4"},
    {"layout", "slice_bits8"},
    {"layout", "slice_bits16"},
    {"layout", "slice_bits32"},
    {"layout", "slice_bits128"},
    {"layout", "concat_bits4"},
    {"layout", "concat_bits8"},
    {"layout", "concat_bits16"},
    {"layout", "concat_bits32"},
    {"layout", "concat_bits128"},
    {"layout", "gather_bits4"},
    {"layout", "gather_bits8"},
    {"layout", "gather_bits16"},
    {"layout", "gather_bits32"},
    {"layout", "gather_bits128"},
    {"layout", "transpose_bits4"},
    {"layout", "transpose_bits8"},
    {"layout", "transpose_bits16"},
    {"layout", "transpose_bits32"},
    {"layout", "transpose_bits128"},
    {"layout", "transpose_tiles_bits8"},
    {"layout", "transpose_tiles_bits16"},
    {"layout", "transpose_tiles_bits32"},
    {"linear", "linear_float32"},
    {"linear", "linear_float16"},
    {"linear", "linear_bfloat16"},
    {"linear_few", "linear_few_q4_one_a"},
    {"linear_few", "linear_few_q4_eight_a"},
    {"linear_few", "linear_few_q4_sixteen_a"},
    {"matmul", "matmul_float32"},
    {"matmul", "matmul_float16"},
    {"matmul", "matmul_bfloat16"},
    {"matmul", "matmul_row_float32"},
    {"matmul", "matmul_row_float16"},
    {"matmul", "matmul_row_bfloat16"},
    {"matmul_int4", "matmul_int4_float32"},
    {"matmul_int4", "matmul_int4_float16"},
    {"matmul_int4", "matmul_int4_bfloat16"},
    {"quantize", "quantize_float32"},
    {"quantize", "quantize_float16"},
    {"quantize", "quantize_bfloat16"},
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
inline constexpr int kKernelCount = 125;

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

// of Cast; -1 where there is none
constexpr int cast_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 23;
  if (dtype == DType::kFloat16) return 24;
  if (dtype == DType::kBfloat16) return 25;
  if (dtype == DType::kInt8) return 26;
  if (dtype == DType::kUint8) return 27;
  if (dtype == DType::kInt4) return 28;
  if (dtype == DType::kUint4) return 29;
  if (dtype == DType::kInt32) return 30;
  if (dtype == DType::kUint32) return 31;
  return -1;
}

// of Dequantize; -1 where there is none
constexpr int dequantize_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 32;
  if (dtype == DType::kFloat16) return 33;
  if (dtype == DType::kBfloat16) return 34;
  return -1;
}

// of Embedding; -1 where there is none
constexpr int embedding_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 35;
  if (dtype == DType::kFloat16) return 36;
  if (dtype == DType::kBfloat16) return 37;
  return -1;
}

// of Arange; -1 where there is none
constexpr int arange_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 38;
  if (dtype == DType::kFloat16) return 39;
  if (dtype == DType::kBfloat16) return 40;
  if (dtype == DType::kInt8) return 41;
  if (dtype == DType::kUint8) return 42;
  if (dtype == DType::kInt4) return 43;
  if (dtype == DType::kUint4) return 44;
  if (dtype == DType::kInt32) return 45;
  if (dtype == DType::kUint32) return 46;
  return -1;
}

enum class SliceVariant { kBits4, kBits8, kBits16, kBits32, kBits128 };
// of Slice; -1 where there is none
constexpr int slice_kernel(SliceVariant variant) {
  if (variant == SliceVariant::kBits4) return 47;
  if (variant == SliceVariant::kBits8) return 48;
  if (variant == SliceVariant::kBits16) return 49;
  if (variant == SliceVariant::kBits32) return 50;
  if (variant == SliceVariant::kBits128) return 51;
  return -1;
}

enum class ConcatVariant { kBits4, kBits8, kBits16, kBits32, kBits128 };
// of Concat; -1 where there is none
constexpr int concat_kernel(ConcatVariant variant) {
  if (variant == ConcatVariant::kBits4) return 52;
  if (variant == ConcatVariant::kBits8) return 53;
  if (variant == ConcatVariant::kBits16) return 54;
  if (variant == ConcatVariant::kBits32) return 55;
  if (variant == ConcatVariant::kBits128) return 56;
  return -1;
}

enum class GatherVariant { kBits4, kBits8, kBits16, kBits32, kBits128 };
// of Gather; -1 where there is none
constexpr int gather_kernel(GatherVariant variant) {
  if (variant == GatherVariant::kBits4) return 57;
  if (variant == GatherVariant::kBits8) return 58;
  if (variant == GatherVariant::kBits16) return 59;
  if (variant == GatherVariant::kBits32) return 60;
  if (variant == GatherVariant::kBits128) return 61;
  return -1;
}

enum class TransposeVariant { kBits4, kBits8, kBits16, kBits32, kBits128 };
// of Transpose; -1 where there is none
constexpr int transpose_kernel(TransposeVariant variant) {
  if (variant == TransposeVariant::kBits4) return 62;
  if (variant == TransposeVariant::kBits8) return 63;
  if (variant == TransposeVariant::kBits16) return 64;
  if (variant == TransposeVariant::kBits32) return 65;
  if (variant == TransposeVariant::kBits128) return 66;
  return -1;
}

enum class TransposeTilesVariant { kBits8, kBits16, kBits32 };
// of TransposeTiles; -1 where there is none
constexpr int transpose_tiles_kernel(TransposeTilesVariant variant) {
  if (variant == TransposeTilesVariant::kBits8) return 67;
  if (variant == TransposeTilesVariant::kBits16) return 68;
  if (variant == TransposeTilesVariant::kBits32) return 69;
  return -1;
}

// of Linear; -1 where there is none
constexpr int linear_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 70;
  if (dtype == DType::kFloat16) return 71;
  if (dtype == DType::kBfloat16) return 72;
  return -1;
}

enum class LinearFewForm { kQ4 };
enum class LinearFewColumns { kOne, kEight, kSixteen };
enum class LinearFewShape { kA };
// of LinearFew; -1 where there is none
constexpr int linear_few_kernel(LinearFewForm form, LinearFewColumns columns, LinearFewShape shape) {
  if (form == LinearFewForm::kQ4 && columns == LinearFewColumns::kOne && shape == LinearFewShape::kA) return 73;
  if (form == LinearFewForm::kQ4 && columns == LinearFewColumns::kEight && shape == LinearFewShape::kA) return 74;
  if (form == LinearFewForm::kQ4 && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kA) return 75;
  return -1;
}

// of Matmul; -1 where there is none
constexpr int matmul_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 76;
  if (dtype == DType::kFloat16) return 77;
  if (dtype == DType::kBfloat16) return 78;
  return -1;
}

// of MatmulRow; -1 where there is none
constexpr int matmul_row_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 79;
  if (dtype == DType::kFloat16) return 80;
  if (dtype == DType::kBfloat16) return 81;
  return -1;
}

// of MatmulInt4; -1 where there is none
constexpr int matmul_int4_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 82;
  if (dtype == DType::kFloat16) return 83;
  if (dtype == DType::kBfloat16) return 84;
  return -1;
}

// of Quantize; -1 where there is none
constexpr int quantize_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 85;
  if (dtype == DType::kFloat16) return 86;
  if (dtype == DType::kBfloat16) return 87;
  return -1;
}

// of Reduce; -1 where there is none
constexpr int reduce_kernel(Op op, DType dtype) {
  if (op == Op::kSum && dtype == DType::kFloat32) return 88;
  if (op == Op::kSum && dtype == DType::kFloat16) return 89;
  if (op == Op::kSum && dtype == DType::kBfloat16) return 90;
  if (op == Op::kSum && dtype == DType::kInt32) return 91;
  if (op == Op::kMean && dtype == DType::kFloat32) return 92;
  if (op == Op::kMean && dtype == DType::kFloat16) return 93;
  if (op == Op::kMean && dtype == DType::kBfloat16) return 94;
  if (op == Op::kMax && dtype == DType::kFloat32) return 95;
  if (op == Op::kMax && dtype == DType::kFloat16) return 96;
  if (op == Op::kMax && dtype == DType::kBfloat16) return 97;
  if (op == Op::kMax && dtype == DType::kInt32) return 98;
  return -1;
}

enum class RepackVariant { kLevels, kGroups };
// of Repack; -1 where there is none
constexpr int repack_kernel(RepackVariant variant) {
  if (variant == RepackVariant::kLevels) return 99;
  if (variant == RepackVariant::kGroups) return 100;
  return -1;
}

// of RmsNorm; -1 where there is none
constexpr int rms_norm_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 101;
  if (dtype == DType::kFloat16) return 102;
  if (dtype == DType::kBfloat16) return 103;
  return -1;
}

// of Unary; -1 where there is none
constexpr int unary_kernel(Op op, DType dtype) {
  if (op == Op::kNeg && dtype == DType::kFloat32) return 104;
  if (op == Op::kNeg && dtype == DType::kFloat16) return 105;
  if (op == Op::kNeg && dtype == DType::kBfloat16) return 106;
  if (op == Op::kNeg && dtype == DType::kInt32) return 107;
  if (op == Op::kExp && dtype == DType::kFloat32) return 108;
  if (op == Op::kExp && dtype == DType::kFloat16) return 109;
  if (op == Op::kExp && dtype == DType::kBfloat16) return 110;
  if (op == Op::kLog && dtype == DType::kFloat32) return 111;
  if (op == Op::kLog && dtype == DType::kFloat16) return 112;
  if (op == Op::kLog && dtype == DType::kBfloat16) return 113;
  if (op == Op::kSqrt && dtype == DType::kFloat32) return 114;
  if (op == Op::kSqrt && dtype == DType::kFloat16) return 115;
  if (op == Op::kSqrt && dtype == DType::kBfloat16) return 116;
  if (op == Op::kTanh && dtype == DType::kFloat32) return 117;
  if (op == Op::kTanh && dtype == DType::kFloat16) return 118;
  if (op == Op::kTanh && dtype == DType::kBfloat16) return 119;
  if (op == Op::kSigmoid && dtype == DType::kFloat32) return 120;
  if (op == Op::kSigmoid && dtype == DType::kFloat16) return 121;
  if (op == Op::kSigmoid && dtype == DType::kBfloat16) return 122;
  return -1;
}

enum class WhereVariant { kBits16, kBits32 };
// of Where; -1 where there is none
constexpr int where_kernel(WhereVariant variant) {
  if (variant == WhereVariant::kBits16) return 123;
  if (variant == WhereVariant::kBits32) return 124;
  return -1;
}

}  // namespace lophi::cuda
