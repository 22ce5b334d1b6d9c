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
    {"add_rms_norm", "add_rms_norm_float32"},
    {"add_rms_norm", "add_rms_norm_float16"},
    {"add_rms_norm", "add_rms_norm_bfloat16"},
    {"argmax", "argmax_float32"},
    {"argmax", "argmax_float16"},
    {"argmax", "argmax_bfloat16"},
    {"argmax", "argmax_int32"},
    {"attention", "attention_append_float32_cache_float32"},
    {"attention", "attention_append_float32_cache_float16"},
    {"attention", "attention_append_float32_cache_bfloat16"},
    {"attention", "attention_append_float16_cache_float32"},
    {"attention", "attention_append_float16_cache_float16"},
    {"attention", "attention_append_float16_cache_bfloat16"},
    {"attention", "attention_append_bfloat16_cache_float32"},
    {"attention", "attention_append_bfloat16_cache_float16"},
    {"attention", "attention_append_bfloat16_cache_bfloat16"},
    {"attention", "attention_append_int8_cache_float32"},
    {"attention", "attention_append_int8_cache_float16"},
    {"attention", "attention_append_int8_cache_bfloat16"},
    {"attention", "attention_float32_cache_float32"},
    {"attention", "attention_float32_cache_float16"},
    {"attention", "attention_float32_cache_bfloat16"},
    {"attention", "attention_float16_cache_float32"},
    {"attention", "attention_float16_cache_float16"},
    {"attention", "attention_float16_cache_bfloat16"},
    {"attention", "attention_bfloat16_cache_float32"},
    {"attention", "attention_bfloat16_cache_float16"},
    {"attention", "attention_bfloat16_cache_bfloat16"},
    {"attention", "attention_int8_cache_float32"},
    {"attention", "attention_int8_cache_float16"},
    {"attention", "attention_int8_cache_bfloat16"},
    {"attention_flash", "attention_flash_d64_float32"},
    {"attention_flash", "attention_flash_d64_float16"},
    {"attention_flash", "attention_flash_d64_bfloat16"},
    {"attention_flash", "attention_flash_d96_float32"},
    {"attention_flash", "attention_flash_d96_float16"},
    {"attention_flash", "attention_flash_d96_bfloat16"},
    {"attention_flash", "attention_flash_d128_float32"},
    {"attention_flash", "attention_flash_d128_float16"},
    {"attention_flash", "attention_flash_d128_bfloat16"},
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
    {"linear_few", "linear_bytes_steps"},
    {"linear_few", "linear_bytes_sums"},
    {"linear_few", "linear_bytes_fine_sums"},
    {"linear_few", "linear_few_q4_one_deep"},
    {"linear_few", "linear_few_q4_eight_deep"},
    {"linear_few", "linear_few_q5_one_deep"},
    {"linear_few", "linear_few_q5_eight_deep"},
    {"linear_few", "linear_few_iq4_one_deep"},
    {"linear_few", "linear_few_iq4_eight_deep"},
    {"linear_few", "linear_few_q8_one_short"},
    {"linear_few", "linear_few_q8_eight_short"},
    {"linear_few", "linear_few_q4_sixteen_narrow"},
    {"linear_few", "linear_few_q5_sixteen_narrow"},
    {"linear_few", "linear_few_q8_sixteen_narrow"},
    {"linear_few", "linear_few_iq4_sixteen_narrow"},
    {"linear_few", "linear_few_q4_any_one_roomy"},
    {"linear_few", "linear_few_q4_any_eight_roomy"},
    {"linear_few", "linear_few_q5_any_one_roomy"},
    {"linear_few", "linear_few_q5_any_eight_roomy"},
    {"linear_few", "linear_few_q8_any_one_roomy"},
    {"linear_few", "linear_few_q8_any_eight_roomy"},
    {"linear_few", "linear_few_iq4_any_one_roomy"},
    {"linear_few", "linear_few_iq4_any_eight_roomy"},
    {"linear_few", "linear_few_q2_fine_one_roomy"},
    {"linear_few", "linear_few_q2_fine_eight_roomy"},
    {"linear_few", "linear_few_q3_fine_one_roomy"},
    {"linear_few", "linear_few_q3_fine_eight_roomy"},
    {"linear_few", "linear_few_q4_fine_one_roomy"},
    {"linear_few", "linear_few_q4_fine_eight_roomy"},
    {"linear_few", "linear_few_q6_fine_one_roomy"},
    {"linear_few", "linear_few_q6_fine_eight_roomy"},
    {"linear_few", "linear_few_q8_fine_one_roomy"},
    {"linear_few", "linear_few_q8_fine_eight_roomy"},
    {"linear_few", "linear_few_q4_any_sixteen_narrow_short"},
    {"linear_few", "linear_few_q5_any_sixteen_narrow_short"},
    {"linear_few", "linear_few_q8_any_sixteen_narrow_short"},
    {"linear_few", "linear_few_iq4_any_sixteen_narrow_short"},
    {"linear_few", "linear_few_q2_fine_sixteen_narrow_short"},
    {"linear_few", "linear_few_q3_fine_sixteen_narrow_short"},
    {"linear_few", "linear_few_q4_fine_sixteen_narrow_short"},
    {"linear_few", "linear_few_q6_fine_sixteen_narrow_short"},
    {"linear_few", "linear_few_q8_fine_sixteen_narrow_short"},
    {"linear_floats", "linear_floats_half_one"},
    {"linear_floats", "linear_floats_half_four"},
    {"linear_floats", "linear_floats_bfloat_one"},
    {"linear_floats", "linear_floats_bfloat_four"},
    {"linear_many", "linear_prepare_float32"},
    {"linear_many", "linear_prepare_float16"},
    {"linear_many", "linear_prepare_bfloat16"},
    {"linear_many", "linear_many_q4_large"},
    {"linear_many", "linear_many_q4_small"},
    {"linear_many", "linear_many_f16_large"},
    {"linear_many", "linear_many_f16_small"},
    {"linear_many", "linear_many_q8_medium"},
    {"linear_many", "linear_many_q8_small"},
    {"linear_many", "linear_many_bf16_medium"},
    {"linear_many", "linear_many_bf16_small"},
    {"linear_many", "linear_many_q4_any_medium"},
    {"linear_many", "linear_many_q4_any_small"},
    {"linear_many", "linear_many_iq4_any_medium"},
    {"linear_many", "linear_many_iq4_any_small"},
    {"linear_many", "linear_many_q5_any_medium"},
    {"linear_many", "linear_many_q5_any_small"},
    {"linear_many", "linear_many_q8_any_medium"},
    {"linear_many", "linear_many_q8_any_small"},
    {"linear_many", "linear_many_q4_fine_small"},
    {"linear_many", "linear_many_q6_fine_small"},
    {"linear_many", "linear_many_q2_fine_small"},
    {"linear_many", "linear_many_q3_fine_small"},
    {"matmul", "matmul_float32"},
    {"matmul", "matmul_float16"},
    {"matmul", "matmul_bfloat16"},
    {"matmul", "matmul_tensor_half_large"},
    {"matmul", "matmul_tensor_half_small"},
    {"matmul", "matmul_tensor_bfloat_large"},
    {"matmul", "matmul_tensor_bfloat_small"},
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
    {"rotary_embedding", "rotary_embedding_float32"},
    {"rotary_embedding", "rotary_embedding_float16"},
    {"rotary_embedding", "rotary_embedding_bfloat16"},
    {"sample", "sample_float32"},
    {"sample", "sample_float16"},
    {"sample", "sample_bfloat16"},
    {"silu_mul", "silu_mul_float32"},
    {"silu_mul", "silu_mul_float16"},
    {"silu_mul", "silu_mul_bfloat16"},
    {"softmax", "softmax_float32"},
    {"softmax", "softmax_float16"},
    {"softmax", "softmax_bfloat16"},
    {"top_k", "top_k_float32"},
    {"top_k", "top_k_float16"},
    {"top_k", "top_k_bfloat16"},
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
inline constexpr int kKernelCount = 250;

enum class WeightForm { kQ4, kQ5, kIq4, kQ8, kQ4Any, kQ5Any, kQ8Any, kIq4Any, kQ2Fine, kQ3Fine, kQ4Fine, kQ6Fine, kQ8Fine, kF16, kBf16 };
// of AddRmsNorm; -1 where there is none
constexpr int add_rms_norm_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 0;
  if (dtype == DType::kFloat16) return 1;
  if (dtype == DType::kBfloat16) return 2;
  return -1;
}

// of Argmax; -1 where there is none
constexpr int argmax_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 3;
  if (dtype == DType::kFloat16) return 4;
  if (dtype == DType::kBfloat16) return 5;
  if (dtype == DType::kInt32) return 6;
  return -1;
}

enum class AttentionAppendVariant { kFloat32Cache, kFloat16Cache, kBfloat16Cache, kInt8Cache };
// of AttentionAppend; -1 where there is none
constexpr int attention_append_kernel(AttentionAppendVariant variant, DType dtype) {
  if (variant == AttentionAppendVariant::kFloat32Cache && dtype == DType::kFloat32) return 7;
  if (variant == AttentionAppendVariant::kFloat32Cache && dtype == DType::kFloat16) return 8;
  if (variant == AttentionAppendVariant::kFloat32Cache && dtype == DType::kBfloat16) return 9;
  if (variant == AttentionAppendVariant::kFloat16Cache && dtype == DType::kFloat32) return 10;
  if (variant == AttentionAppendVariant::kFloat16Cache && dtype == DType::kFloat16) return 11;
  if (variant == AttentionAppendVariant::kFloat16Cache && dtype == DType::kBfloat16) return 12;
  if (variant == AttentionAppendVariant::kBfloat16Cache && dtype == DType::kFloat32) return 13;
  if (variant == AttentionAppendVariant::kBfloat16Cache && dtype == DType::kFloat16) return 14;
  if (variant == AttentionAppendVariant::kBfloat16Cache && dtype == DType::kBfloat16) return 15;
  if (variant == AttentionAppendVariant::kInt8Cache && dtype == DType::kFloat32) return 16;
  if (variant == AttentionAppendVariant::kInt8Cache && dtype == DType::kFloat16) return 17;
  if (variant == AttentionAppendVariant::kInt8Cache && dtype == DType::kBfloat16) return 18;
  return -1;
}

enum class AttentionVariant { kFloat32Cache, kFloat16Cache, kBfloat16Cache, kInt8Cache };
// of Attention; -1 where there is none
constexpr int attention_kernel(AttentionVariant variant, DType dtype) {
  if (variant == AttentionVariant::kFloat32Cache && dtype == DType::kFloat32) return 19;
  if (variant == AttentionVariant::kFloat32Cache && dtype == DType::kFloat16) return 20;
  if (variant == AttentionVariant::kFloat32Cache && dtype == DType::kBfloat16) return 21;
  if (variant == AttentionVariant::kFloat16Cache && dtype == DType::kFloat32) return 22;
  if (variant == AttentionVariant::kFloat16Cache && dtype == DType::kFloat16) return 23;
  if (variant == AttentionVariant::kFloat16Cache && dtype == DType::kBfloat16) return 24;
  if (variant == AttentionVariant::kBfloat16Cache && dtype == DType::kFloat32) return 25;
  if (variant == AttentionVariant::kBfloat16Cache && dtype == DType::kFloat16) return 26;
  if (variant == AttentionVariant::kBfloat16Cache && dtype == DType::kBfloat16) return 27;
  if (variant == AttentionVariant::kInt8Cache && dtype == DType::kFloat32) return 28;
  if (variant == AttentionVariant::kInt8Cache && dtype == DType::kFloat16) return 29;
  if (variant == AttentionVariant::kInt8Cache && dtype == DType::kBfloat16) return 30;
  return -1;
}

enum class AttentionFlashHead { kD64, kD96, kD128 };
// of AttentionFlash; -1 where there is none
constexpr int attention_flash_kernel(AttentionFlashHead head, DType dtype) {
  if (head == AttentionFlashHead::kD64 && dtype == DType::kFloat32) return 31;
  if (head == AttentionFlashHead::kD64 && dtype == DType::kFloat16) return 32;
  if (head == AttentionFlashHead::kD64 && dtype == DType::kBfloat16) return 33;
  if (head == AttentionFlashHead::kD96 && dtype == DType::kFloat32) return 34;
  if (head == AttentionFlashHead::kD96 && dtype == DType::kFloat16) return 35;
  if (head == AttentionFlashHead::kD96 && dtype == DType::kBfloat16) return 36;
  if (head == AttentionFlashHead::kD128 && dtype == DType::kFloat32) return 37;
  if (head == AttentionFlashHead::kD128 && dtype == DType::kFloat16) return 38;
  if (head == AttentionFlashHead::kD128 && dtype == DType::kBfloat16) return 39;
  return -1;
}

// of Binary; -1 where there is none
constexpr int binary_kernel(Op op, DType dtype) {
  if (op == Op::kAdd && dtype == DType::kFloat32) return 40;
  if (op == Op::kAdd && dtype == DType::kFloat16) return 41;
  if (op == Op::kAdd && dtype == DType::kBfloat16) return 42;
  if (op == Op::kAdd && dtype == DType::kInt32) return 43;
  if (op == Op::kSub && dtype == DType::kFloat32) return 44;
  if (op == Op::kSub && dtype == DType::kFloat16) return 45;
  if (op == Op::kSub && dtype == DType::kBfloat16) return 46;
  if (op == Op::kSub && dtype == DType::kInt32) return 47;
  if (op == Op::kMul && dtype == DType::kFloat32) return 48;
  if (op == Op::kMul && dtype == DType::kFloat16) return 49;
  if (op == Op::kMul && dtype == DType::kBfloat16) return 50;
  if (op == Op::kMul && dtype == DType::kInt32) return 51;
  if (op == Op::kDiv && dtype == DType::kFloat32) return 52;
  if (op == Op::kDiv && dtype == DType::kFloat16) return 53;
  if (op == Op::kDiv && dtype == DType::kBfloat16) return 54;
  if (op == Op::kMaximum && dtype == DType::kFloat32) return 55;
  if (op == Op::kMaximum && dtype == DType::kFloat16) return 56;
  if (op == Op::kMaximum && dtype == DType::kBfloat16) return 57;
  if (op == Op::kMaximum && dtype == DType::kInt32) return 58;
  if (op == Op::kMinimum && dtype == DType::kFloat32) return 59;
  if (op == Op::kMinimum && dtype == DType::kFloat16) return 60;
  if (op == Op::kMinimum && dtype == DType::kBfloat16) return 61;
  if (op == Op::kMinimum && dtype == DType::kInt32) return 62;
  return -1;
}

// of Cast; -1 where there is none
constexpr int cast_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 63;
  if (dtype == DType::kFloat16) return 64;
  if (dtype == DType::kBfloat16) return 65;
  if (dtype == DType::kInt8) return 66;
  if (dtype == DType::kUint8) return 67;
  if (dtype == DType::kInt4) return 68;
  if (dtype == DType::kUint4) return 69;
  if (dtype == DType::kInt32) return 70;
  if (dtype == DType::kUint32) return 71;
  return -1;
}

// of Dequantize; -1 where there is none
constexpr int dequantize_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 72;
  if (dtype == DType::kFloat16) return 73;
  if (dtype == DType::kBfloat16) return 74;
  return -1;
}

// of Embedding; -1 where there is none
constexpr int embedding_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 75;
  if (dtype == DType::kFloat16) return 76;
  if (dtype == DType::kBfloat16) return 77;
  return -1;
}

// of Arange; -1 where there is none
constexpr int arange_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 78;
  if (dtype == DType::kFloat16) return 79;
  if (dtype == DType::kBfloat16) return 80;
  if (dtype == DType::kInt8) return 81;
  if (dtype == DType::kUint8) return 82;
  if (dtype == DType::kInt4) return 83;
  if (dtype == DType::kUint4) return 84;
  if (dtype == DType::kInt32) return 85;
  if (dtype == DType::kUint32) return 86;
  return -1;
}

enum class SliceVariant { kBits4, kBits8, kBits16, kBits32, kBits128 };
// of Slice; -1 where there is none
constexpr int slice_kernel(SliceVariant variant) {
  if (variant == SliceVariant::kBits4) return 87;
  if (variant == SliceVariant::kBits8) return 88;
  if (variant == SliceVariant::kBits16) return 89;
  if (variant == SliceVariant::kBits32) return 90;
  if (variant == SliceVariant::kBits128) return 91;
  return -1;
}

enum class ConcatVariant { kBits4, kBits8, kBits16, kBits32, kBits128 };
// of Concat; -1 where there is none
constexpr int concat_kernel(ConcatVariant variant) {
  if (variant == ConcatVariant::kBits4) return 92;
  if (variant == ConcatVariant::kBits8) return 93;
  if (variant == ConcatVariant::kBits16) return 94;
  if (variant == ConcatVariant::kBits32) return 95;
  if (variant == ConcatVariant::kBits128) return 96;
  return -1;
}

enum class GatherVariant { kBits4, kBits8, kBits16, kBits32, kBits128 };
// of Gather; -1 where there is none
constexpr int gather_kernel(GatherVariant variant) {
  if (variant == GatherVariant::kBits4) return 97;
  if (variant == GatherVariant::kBits8) return 98;
  if (variant == GatherVariant::kBits16) return 99;
  if (variant == GatherVariant::kBits32) return 100;
  if (variant == GatherVariant::kBits128) return 101;
  return -1;
}

enum class TransposeVariant { kBits4, kBits8, kBits16, kBits32, kBits128 };
// of Transpose; -1 where there is none
constexpr int transpose_kernel(TransposeVariant variant) {
  if (variant == TransposeVariant::kBits4) return 102;
  if (variant == TransposeVariant::kBits8) return 103;
  if (variant == TransposeVariant::kBits16) return 104;
  if (variant == TransposeVariant::kBits32) return 105;
  if (variant == TransposeVariant::kBits128) return 106;
  return -1;
}

enum class TransposeTilesVariant { kBits8, kBits16, kBits32 };
// of TransposeTiles; -1 where there is none
constexpr int transpose_tiles_kernel(TransposeTilesVariant variant) {
  if (variant == TransposeTilesVariant::kBits8) return 107;
  if (variant == TransposeTilesVariant::kBits16) return 108;
  if (variant == TransposeTilesVariant::kBits32) return 109;
  return -1;
}

// of Linear; -1 where there is none
constexpr int linear_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 110;
  if (dtype == DType::kFloat16) return 111;
  if (dtype == DType::kBfloat16) return 112;
  return -1;
}

enum class LinearBytesKnown { kSteps, kSums, kFineSums };
// of LinearBytes; -1 where there is none
constexpr int linear_bytes_kernel(LinearBytesKnown known) {
  if (known == LinearBytesKnown::kSteps) return 113;
  if (known == LinearBytesKnown::kSums) return 114;
  if (known == LinearBytesKnown::kFineSums) return 115;
  return -1;
}

enum class LinearFewColumns { kOne, kEight, kSixteen };
enum class LinearFewShape { kDeep, kShort, kNarrow, kRoomy, kNarrowShort };
// of LinearFew; -1 where there is none
constexpr int linear_few_kernel(WeightForm weight_form, LinearFewColumns columns, LinearFewShape shape) {
  if (weight_form == WeightForm::kQ4 && columns == LinearFewColumns::kOne && shape == LinearFewShape::kDeep) return 116;
  if (weight_form == WeightForm::kQ4 && columns == LinearFewColumns::kEight && shape == LinearFewShape::kDeep) return 117;
  if (weight_form == WeightForm::kQ5 && columns == LinearFewColumns::kOne && shape == LinearFewShape::kDeep) return 118;
  if (weight_form == WeightForm::kQ5 && columns == LinearFewColumns::kEight && shape == LinearFewShape::kDeep) return 119;
  if (weight_form == WeightForm::kIq4 && columns == LinearFewColumns::kOne && shape == LinearFewShape::kDeep) return 120;
  if (weight_form == WeightForm::kIq4 && columns == LinearFewColumns::kEight && shape == LinearFewShape::kDeep) return 121;
  if (weight_form == WeightForm::kQ8 && columns == LinearFewColumns::kOne && shape == LinearFewShape::kShort) return 122;
  if (weight_form == WeightForm::kQ8 && columns == LinearFewColumns::kEight && shape == LinearFewShape::kShort) return 123;
  if (weight_form == WeightForm::kQ4 && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrow) return 124;
  if (weight_form == WeightForm::kQ5 && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrow) return 125;
  if (weight_form == WeightForm::kQ8 && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrow) return 126;
  if (weight_form == WeightForm::kIq4 && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrow) return 127;
  if (weight_form == WeightForm::kQ4Any && columns == LinearFewColumns::kOne && shape == LinearFewShape::kRoomy) return 128;
  if (weight_form == WeightForm::kQ4Any && columns == LinearFewColumns::kEight && shape == LinearFewShape::kRoomy) return 129;
  if (weight_form == WeightForm::kQ5Any && columns == LinearFewColumns::kOne && shape == LinearFewShape::kRoomy) return 130;
  if (weight_form == WeightForm::kQ5Any && columns == LinearFewColumns::kEight && shape == LinearFewShape::kRoomy) return 131;
  if (weight_form == WeightForm::kQ8Any && columns == LinearFewColumns::kOne && shape == LinearFewShape::kRoomy) return 132;
  if (weight_form == WeightForm::kQ8Any && columns == LinearFewColumns::kEight && shape == LinearFewShape::kRoomy) return 133;
  if (weight_form == WeightForm::kIq4Any && columns == LinearFewColumns::kOne && shape == LinearFewShape::kRoomy) return 134;
  if (weight_form == WeightForm::kIq4Any && columns == LinearFewColumns::kEight && shape == LinearFewShape::kRoomy) return 135;
  if (weight_form == WeightForm::kQ2Fine && columns == LinearFewColumns::kOne && shape == LinearFewShape::kRoomy) return 136;
  if (weight_form == WeightForm::kQ2Fine && columns == LinearFewColumns::kEight && shape == LinearFewShape::kRoomy) return 137;
  if (weight_form == WeightForm::kQ3Fine && columns == LinearFewColumns::kOne && shape == LinearFewShape::kRoomy) return 138;
  if (weight_form == WeightForm::kQ3Fine && columns == LinearFewColumns::kEight && shape == LinearFewShape::kRoomy) return 139;
  if (weight_form == WeightForm::kQ4Fine && columns == LinearFewColumns::kOne && shape == LinearFewShape::kRoomy) return 140;
  if (weight_form == WeightForm::kQ4Fine && columns == LinearFewColumns::kEight && shape == LinearFewShape::kRoomy) return 141;
  if (weight_form == WeightForm::kQ6Fine && columns == LinearFewColumns::kOne && shape == LinearFewShape::kRoomy) return 142;
  if (weight_form == WeightForm::kQ6Fine && columns == LinearFewColumns::kEight && shape == LinearFewShape::kRoomy) return 143;
  if (weight_form == WeightForm::kQ8Fine && columns == LinearFewColumns::kOne && shape == LinearFewShape::kRoomy) return 144;
  if (weight_form == WeightForm::kQ8Fine && columns == LinearFewColumns::kEight && shape == LinearFewShape::kRoomy) return 145;
  if (weight_form == WeightForm::kQ4Any && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrowShort) return 146;
  if (weight_form == WeightForm::kQ5Any && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrowShort) return 147;
  if (weight_form == WeightForm::kQ8Any && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrowShort) return 148;
  if (weight_form == WeightForm::kIq4Any && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrowShort) return 149;
  if (weight_form == WeightForm::kQ2Fine && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrowShort) return 150;
  if (weight_form == WeightForm::kQ3Fine && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrowShort) return 151;
  if (weight_form == WeightForm::kQ4Fine && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrowShort) return 152;
  if (weight_form == WeightForm::kQ6Fine && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrowShort) return 153;
  if (weight_form == WeightForm::kQ8Fine && columns == LinearFewColumns::kSixteen && shape == LinearFewShape::kNarrowShort) return 154;
  return -1;
}

enum class LinearFloatsWeights { kHalf, kBfloat };
enum class LinearFloatsRows { kOne, kFour };
// of LinearFloats; -1 where there is none
constexpr int linear_floats_kernel(LinearFloatsWeights weights, LinearFloatsRows rows) {
  if (weights == LinearFloatsWeights::kHalf && rows == LinearFloatsRows::kOne) return 155;
  if (weights == LinearFloatsWeights::kHalf && rows == LinearFloatsRows::kFour) return 156;
  if (weights == LinearFloatsWeights::kBfloat && rows == LinearFloatsRows::kOne) return 157;
  if (weights == LinearFloatsWeights::kBfloat && rows == LinearFloatsRows::kFour) return 158;
  return -1;
}

// of LinearPrepare; -1 where there is none
constexpr int linear_prepare_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 159;
  if (dtype == DType::kFloat16) return 160;
  if (dtype == DType::kBfloat16) return 161;
  return -1;
}

enum class LinearManyTile { kLarge, kSmall, kMedium };
// of LinearMany; -1 where there is none
constexpr int linear_many_kernel(WeightForm weight_form, LinearManyTile tile) {
  if (weight_form == WeightForm::kQ4 && tile == LinearManyTile::kLarge) return 162;
  if (weight_form == WeightForm::kQ4 && tile == LinearManyTile::kSmall) return 163;
  if (weight_form == WeightForm::kF16 && tile == LinearManyTile::kLarge) return 164;
  if (weight_form == WeightForm::kF16 && tile == LinearManyTile::kSmall) return 165;
  if (weight_form == WeightForm::kQ8 && tile == LinearManyTile::kMedium) return 166;
  if (weight_form == WeightForm::kQ8 && tile == LinearManyTile::kSmall) return 167;
  if (weight_form == WeightForm::kBf16 && tile == LinearManyTile::kMedium) return 168;
  if (weight_form == WeightForm::kBf16 && tile == LinearManyTile::kSmall) return 169;
  if (weight_form == WeightForm::kQ4Any && tile == LinearManyTile::kMedium) return 170;
  if (weight_form == WeightForm::kQ4Any && tile == LinearManyTile::kSmall) return 171;
  if (weight_form == WeightForm::kIq4Any && tile == LinearManyTile::kMedium) return 172;
  if (weight_form == WeightForm::kIq4Any && tile == LinearManyTile::kSmall) return 173;
  if (weight_form == WeightForm::kQ5Any && tile == LinearManyTile::kMedium) return 174;
  if (weight_form == WeightForm::kQ5Any && tile == LinearManyTile::kSmall) return 175;
  if (weight_form == WeightForm::kQ8Any && tile == LinearManyTile::kMedium) return 176;
  if (weight_form == WeightForm::kQ8Any && tile == LinearManyTile::kSmall) return 177;
  if (weight_form == WeightForm::kQ4Fine && tile == LinearManyTile::kSmall) return 178;
  if (weight_form == WeightForm::kQ6Fine && tile == LinearManyTile::kSmall) return 179;
  if (weight_form == WeightForm::kQ2Fine && tile == LinearManyTile::kSmall) return 180;
  if (weight_form == WeightForm::kQ3Fine && tile == LinearManyTile::kSmall) return 181;
  return -1;
}

// of Matmul; -1 where there is none
constexpr int matmul_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 182;
  if (dtype == DType::kFloat16) return 183;
  if (dtype == DType::kBfloat16) return 184;
  return -1;
}

enum class MatmulTensorType { kHalf, kBfloat };
enum class MatmulTensorTile { kLarge, kSmall };
// of MatmulTensor; -1 where there is none
constexpr int matmul_tensor_kernel(MatmulTensorType type, MatmulTensorTile tile) {
  if (type == MatmulTensorType::kHalf && tile == MatmulTensorTile::kLarge) return 185;
  if (type == MatmulTensorType::kHalf && tile == MatmulTensorTile::kSmall) return 186;
  if (type == MatmulTensorType::kBfloat && tile == MatmulTensorTile::kLarge) return 187;
  if (type == MatmulTensorType::kBfloat && tile == MatmulTensorTile::kSmall) return 188;
  return -1;
}

// of MatmulRow; -1 where there is none
constexpr int matmul_row_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 189;
  if (dtype == DType::kFloat16) return 190;
  if (dtype == DType::kBfloat16) return 191;
  return -1;
}

// of MatmulInt4; -1 where there is none
constexpr int matmul_int4_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 192;
  if (dtype == DType::kFloat16) return 193;
  if (dtype == DType::kBfloat16) return 194;
  return -1;
}

// of Quantize; -1 where there is none
constexpr int quantize_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 195;
  if (dtype == DType::kFloat16) return 196;
  if (dtype == DType::kBfloat16) return 197;
  return -1;
}

// of Reduce; -1 where there is none
constexpr int reduce_kernel(Op op, DType dtype) {
  if (op == Op::kSum && dtype == DType::kFloat32) return 198;
  if (op == Op::kSum && dtype == DType::kFloat16) return 199;
  if (op == Op::kSum && dtype == DType::kBfloat16) return 200;
  if (op == Op::kSum && dtype == DType::kInt32) return 201;
  if (op == Op::kMean && dtype == DType::kFloat32) return 202;
  if (op == Op::kMean && dtype == DType::kFloat16) return 203;
  if (op == Op::kMean && dtype == DType::kBfloat16) return 204;
  if (op == Op::kMax && dtype == DType::kFloat32) return 205;
  if (op == Op::kMax && dtype == DType::kFloat16) return 206;
  if (op == Op::kMax && dtype == DType::kBfloat16) return 207;
  if (op == Op::kMax && dtype == DType::kInt32) return 208;
  return -1;
}

enum class RepackVariant { kLevels, kGroups };
// of Repack; -1 where there is none
constexpr int repack_kernel(RepackVariant variant) {
  if (variant == RepackVariant::kLevels) return 209;
  if (variant == RepackVariant::kGroups) return 210;
  return -1;
}

// of RmsNorm; -1 where there is none
constexpr int rms_norm_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 211;
  if (dtype == DType::kFloat16) return 212;
  if (dtype == DType::kBfloat16) return 213;
  return -1;
}

// of RotaryEmbedding; -1 where there is none
constexpr int rotary_embedding_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 214;
  if (dtype == DType::kFloat16) return 215;
  if (dtype == DType::kBfloat16) return 216;
  return -1;
}

// of Sample; -1 where there is none
constexpr int sample_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 217;
  if (dtype == DType::kFloat16) return 218;
  if (dtype == DType::kBfloat16) return 219;
  return -1;
}

// of SiluMul; -1 where there is none
constexpr int silu_mul_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 220;
  if (dtype == DType::kFloat16) return 221;
  if (dtype == DType::kBfloat16) return 222;
  return -1;
}

// of Softmax; -1 where there is none
constexpr int softmax_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 223;
  if (dtype == DType::kFloat16) return 224;
  if (dtype == DType::kBfloat16) return 225;
  return -1;
}

// of TopK; -1 where there is none
constexpr int top_k_kernel(DType dtype) {
  if (dtype == DType::kFloat32) return 226;
  if (dtype == DType::kFloat16) return 227;
  if (dtype == DType::kBfloat16) return 228;
  return -1;
}

// of Unary; -1 where there is none
constexpr int unary_kernel(Op op, DType dtype) {
  if (op == Op::kNeg && dtype == DType::kFloat32) return 229;
  if (op == Op::kNeg && dtype == DType::kFloat16) return 230;
  if (op == Op::kNeg && dtype == DType::kBfloat16) return 231;
  if (op == Op::kNeg && dtype == DType::kInt32) return 232;
  if (op == Op::kExp && dtype == DType::kFloat32) return 233;
  if (op == Op::kExp && dtype == DType::kFloat16) return 234;
  if (op == Op::kExp && dtype == DType::kBfloat16) return 235;
  if (op == Op::kLog && dtype == DType::kFloat32) return 236;
  if (op == Op::kLog && dtype == DType::kFloat16) return 237;
  if (op == Op::kLog && dtype == DType::kBfloat16) return 238;
  if (op == Op::kSqrt && dtype == DType::kFloat32) return 239;
  if (op == Op::kSqrt && dtype == DType::kFloat16) return 240;
  if (op == Op::kSqrt && dtype == DType::kBfloat16) return 241;
  if (op == Op::kTanh && dtype == DType::kFloat32) return 242;
  if (op == Op::kTanh && dtype == DType::kFloat16) return 243;
  if (op == Op::kTanh && dtype == DType::kBfloat16) return 244;
  if (op == Op::kSigmoid && dtype == DType::kFloat32) return 245;
  if (op == Op::kSigmoid && dtype == DType::kFloat16) return 246;
  if (op == Op::kSigmoid && dtype == DType::kBfloat16) return 247;
  return -1;
}

enum class WhereVariant { kBits16, kBits32 };
// of Where; -1 where there is none
constexpr int where_kernel(WhereVariant variant) {
  if (variant == WhereVariant::kBits16) return 248;
  if (variant == WhereVariant::kBits32) return 249;
  return -1;
}

}  // namespace lophi::cuda
