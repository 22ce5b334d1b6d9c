// Generated from native/dml/ops/*.hlsl and lib/ops/schema.ts by npm run gen; do not edit.
// clang-format off
#pragma once
#include "core/ops.gen.h"

namespace lophi::dml {

inline constexpr int kMaxDefines = 3;
struct ShaderDefine {
  const char* name;  // null behind the last
  const char* value;
};
struct ShaderInstance {
  const char* file;
  ShaderDefine defines[kMaxDefines + 1];
};
inline constexpr ShaderInstance kShaders[] = {
    {"add_rms_norm", {{"TYPE", "FLOAT32"}, {"WEIGHT_TYPE", "FLOAT32"}}},
    {"add_rms_norm", {{"TYPE", "FLOAT32"}, {"WEIGHT_TYPE", "FLOAT16"}}},
    {"add_rms_norm", {{"TYPE", "FLOAT32"}, {"WEIGHT_TYPE", "BFLOAT16"}}},
    {"add_rms_norm", {{"TYPE", "FLOAT16"}, {"WEIGHT_TYPE", "FLOAT32"}}},
    {"add_rms_norm", {{"TYPE", "FLOAT16"}, {"WEIGHT_TYPE", "FLOAT16"}}},
    {"add_rms_norm", {{"TYPE", "FLOAT16"}, {"WEIGHT_TYPE", "BFLOAT16"}}},
    {"add_rms_norm", {{"TYPE", "BFLOAT16"}, {"WEIGHT_TYPE", "FLOAT32"}}},
    {"add_rms_norm", {{"TYPE", "BFLOAT16"}, {"WEIGHT_TYPE", "FLOAT16"}}},
    {"add_rms_norm", {{"TYPE", "BFLOAT16"}, {"WEIGHT_TYPE", "BFLOAT16"}}},
    {"argmax", {{"TYPE", "FLOAT32"}}},
    {"argmax", {{"TYPE", "FLOAT16"}}},
    {"argmax", {{"TYPE", "BFLOAT16"}}},
    {"argmax", {{"TYPE", "INT32"}}},
    {"attention", {{"CACHE", "FLOAT32"}, {"TYPE", "FLOAT32"}}},
    {"attention", {{"CACHE", "FLOAT32"}, {"TYPE", "FLOAT16"}}},
    {"attention", {{"CACHE", "FLOAT32"}, {"TYPE", "BFLOAT16"}}},
    {"attention", {{"CACHE", "FLOAT16"}, {"TYPE", "FLOAT32"}}},
    {"attention", {{"CACHE", "FLOAT16"}, {"TYPE", "FLOAT16"}}},
    {"attention", {{"CACHE", "FLOAT16"}, {"TYPE", "BFLOAT16"}}},
    {"attention", {{"CACHE", "BFLOAT16"}, {"TYPE", "FLOAT32"}}},
    {"attention", {{"CACHE", "BFLOAT16"}, {"TYPE", "FLOAT16"}}},
    {"attention", {{"CACHE", "BFLOAT16"}, {"TYPE", "BFLOAT16"}}},
    {"attention", {{"CACHE", "INT8"}, {"TYPE", "FLOAT32"}}},
    {"attention", {{"CACHE", "INT8"}, {"TYPE", "FLOAT16"}}},
    {"attention", {{"CACHE", "INT8"}, {"TYPE", "BFLOAT16"}}},
    {"attention_append", {{"CACHE", "FLOAT32"}, {"TYPE", "FLOAT32"}}},
    {"attention_append", {{"CACHE", "FLOAT32"}, {"TYPE", "FLOAT16"}}},
    {"attention_append", {{"CACHE", "FLOAT32"}, {"TYPE", "BFLOAT16"}}},
    {"attention_append", {{"CACHE", "FLOAT16"}, {"TYPE", "FLOAT32"}}},
    {"attention_append", {{"CACHE", "FLOAT16"}, {"TYPE", "FLOAT16"}}},
    {"attention_append", {{"CACHE", "FLOAT16"}, {"TYPE", "BFLOAT16"}}},
    {"attention_append", {{"CACHE", "BFLOAT16"}, {"TYPE", "FLOAT32"}}},
    {"attention_append", {{"CACHE", "BFLOAT16"}, {"TYPE", "FLOAT16"}}},
    {"attention_append", {{"CACHE", "BFLOAT16"}, {"TYPE", "BFLOAT16"}}},
    {"attention_append", {{"CACHE", "INT8"}, {"TYPE", "FLOAT32"}}},
    {"attention_append", {{"CACHE", "INT8"}, {"TYPE", "FLOAT16"}}},
    {"attention_append", {{"CACHE", "INT8"}, {"TYPE", "BFLOAT16"}}},
    {"binary", {{"OP", "ADD"}, {"TYPE", "FLOAT32"}}},
    {"binary", {{"OP", "ADD"}, {"TYPE", "FLOAT16"}}},
    {"binary", {{"OP", "ADD"}, {"TYPE", "BFLOAT16"}}},
    {"binary", {{"OP", "ADD"}, {"TYPE", "INT32"}}},
    {"binary", {{"OP", "SUB"}, {"TYPE", "FLOAT32"}}},
    {"binary", {{"OP", "SUB"}, {"TYPE", "FLOAT16"}}},
    {"binary", {{"OP", "SUB"}, {"TYPE", "BFLOAT16"}}},
    {"binary", {{"OP", "SUB"}, {"TYPE", "INT32"}}},
    {"binary", {{"OP", "MUL"}, {"TYPE", "FLOAT32"}}},
    {"binary", {{"OP", "MUL"}, {"TYPE", "FLOAT16"}}},
    {"binary", {{"OP", "MUL"}, {"TYPE", "BFLOAT16"}}},
    {"binary", {{"OP", "MUL"}, {"TYPE", "INT32"}}},
    {"binary", {{"OP", "DIV"}, {"TYPE", "FLOAT32"}}},
    {"binary", {{"OP", "DIV"}, {"TYPE", "FLOAT16"}}},
    {"binary", {{"OP", "DIV"}, {"TYPE", "BFLOAT16"}}},
    {"binary", {{"OP", "MAXIMUM"}, {"TYPE", "FLOAT32"}}},
    {"binary", {{"OP", "MAXIMUM"}, {"TYPE", "FLOAT16"}}},
    {"binary", {{"OP", "MAXIMUM"}, {"TYPE", "BFLOAT16"}}},
    {"binary", {{"OP", "MAXIMUM"}, {"TYPE", "INT32"}}},
    {"binary", {{"OP", "MINIMUM"}, {"TYPE", "FLOAT32"}}},
    {"binary", {{"OP", "MINIMUM"}, {"TYPE", "FLOAT16"}}},
    {"binary", {{"OP", "MINIMUM"}, {"TYPE", "BFLOAT16"}}},
    {"binary", {{"OP", "MINIMUM"}, {"TYPE", "INT32"}}},
    {"cast", {{"TYPE", "FLOAT32"}}},
    {"cast", {{"TYPE", "FLOAT16"}}},
    {"cast", {{"TYPE", "BFLOAT16"}}},
    {"cast", {{"TYPE", "INT8"}}},
    {"cast", {{"TYPE", "UINT8"}}},
    {"cast", {{"TYPE", "INT4"}}},
    {"cast", {{"TYPE", "UINT4"}}},
    {"cast", {{"TYPE", "INT32"}}},
    {"cast", {{"TYPE", "UINT32"}}},
    {"concat", {{"BITS", "4"}}},
    {"concat", {{"BITS", "8"}}},
    {"concat", {{"BITS", "16"}}},
    {"concat", {{"BITS", "32"}}},
    {"copy", {}},
    {"dequantize", {{"TYPE", "FLOAT32"}}},
    {"dequantize", {{"TYPE", "FLOAT16"}}},
    {"dequantize", {{"TYPE", "BFLOAT16"}}},
    {"full", {{"TYPE", "FLOAT32"}}},
    {"full", {{"TYPE", "FLOAT16"}}},
    {"full", {{"TYPE", "BFLOAT16"}}},
    {"full", {{"TYPE", "INT8"}}},
    {"full", {{"TYPE", "UINT8"}}},
    {"full", {{"TYPE", "INT4"}}},
    {"full", {{"TYPE", "UINT4"}}},
    {"full", {{"TYPE", "INT32"}}},
    {"full", {{"TYPE", "UINT32"}}},
    {"gather", {{"BITS", "4"}}},
    {"gather", {{"BITS", "8"}}},
    {"gather", {{"BITS", "16"}}},
    {"gather", {{"BITS", "32"}}},
    {"matmul", {{"TYPE", "FLOAT32"}}},
    {"matmul", {{"TYPE", "FLOAT16"}}},
    {"matmul", {{"TYPE", "BFLOAT16"}}},
    {"matmul_int4", {{"TYPE", "FLOAT32"}, {"SCALE_TYPE", "FLOAT32"}, {"ZEROS", "0"}}},
    {"matmul_int4", {{"TYPE", "FLOAT32"}, {"SCALE_TYPE", "FLOAT32"}, {"ZEROS", "1"}}},
    {"matmul_int4", {{"TYPE", "FLOAT32"}, {"SCALE_TYPE", "FLOAT16"}, {"ZEROS", "0"}}},
    {"matmul_int4", {{"TYPE", "FLOAT32"}, {"SCALE_TYPE", "FLOAT16"}, {"ZEROS", "1"}}},
    {"matmul_int4", {{"TYPE", "FLOAT32"}, {"SCALE_TYPE", "BFLOAT16"}, {"ZEROS", "0"}}},
    {"matmul_int4", {{"TYPE", "FLOAT32"}, {"SCALE_TYPE", "BFLOAT16"}, {"ZEROS", "1"}}},
    {"matmul_int4", {{"TYPE", "FLOAT16"}, {"SCALE_TYPE", "FLOAT32"}, {"ZEROS", "0"}}},
    {"matmul_int4", {{"TYPE", "FLOAT16"}, {"SCALE_TYPE", "FLOAT32"}, {"ZEROS", "1"}}},
    {"matmul_int4", {{"TYPE", "FLOAT16"}, {"SCALE_TYPE", "FLOAT16"}, {"ZEROS", "0"}}},
    {"matmul_int4", {{"TYPE", "FLOAT16"}, {"SCALE_TYPE", "FLOAT16"}, {"ZEROS", "1"}}},
    {"matmul_int4", {{"TYPE", "FLOAT16"}, {"SCALE_TYPE", "BFLOAT16"}, {"ZEROS", "0"}}},
    {"matmul_int4", {{"TYPE", "FLOAT16"}, {"SCALE_TYPE", "BFLOAT16"}, {"ZEROS", "1"}}},
    {"matmul_int4", {{"TYPE", "BFLOAT16"}, {"SCALE_TYPE", "FLOAT32"}, {"ZEROS", "0"}}},
    {"matmul_int4", {{"TYPE", "BFLOAT16"}, {"SCALE_TYPE", "FLOAT32"}, {"ZEROS", "1"}}},
    {"matmul_int4", {{"TYPE", "BFLOAT16"}, {"SCALE_TYPE", "FLOAT16"}, {"ZEROS", "0"}}},
    {"matmul_int4", {{"TYPE", "BFLOAT16"}, {"SCALE_TYPE", "FLOAT16"}, {"ZEROS", "1"}}},
    {"matmul_int4", {{"TYPE", "BFLOAT16"}, {"SCALE_TYPE", "BFLOAT16"}, {"ZEROS", "0"}}},
    {"matmul_int4", {{"TYPE", "BFLOAT16"}, {"SCALE_TYPE", "BFLOAT16"}, {"ZEROS", "1"}}},
    {"quantize", {{"TYPE", "FLOAT32"}}},
    {"quantize", {{"TYPE", "FLOAT16"}}},
    {"quantize", {{"TYPE", "BFLOAT16"}}},
    {"reduce", {{"OP", "SUM"}, {"TYPE", "FLOAT32"}}},
    {"reduce", {{"OP", "SUM"}, {"TYPE", "FLOAT16"}}},
    {"reduce", {{"OP", "SUM"}, {"TYPE", "BFLOAT16"}}},
    {"reduce", {{"OP", "SUM"}, {"TYPE", "INT32"}}},
    {"reduce", {{"OP", "MEAN"}, {"TYPE", "FLOAT32"}}},
    {"reduce", {{"OP", "MEAN"}, {"TYPE", "FLOAT16"}}},
    {"reduce", {{"OP", "MEAN"}, {"TYPE", "BFLOAT16"}}},
    {"reduce", {{"OP", "MAX"}, {"TYPE", "FLOAT32"}}},
    {"reduce", {{"OP", "MAX"}, {"TYPE", "FLOAT16"}}},
    {"reduce", {{"OP", "MAX"}, {"TYPE", "BFLOAT16"}}},
    {"reduce", {{"OP", "MAX"}, {"TYPE", "INT32"}}},
    {"rms_norm", {{"TYPE", "FLOAT32"}, {"WEIGHT_TYPE", "FLOAT32"}}},
    {"rms_norm", {{"TYPE", "FLOAT32"}, {"WEIGHT_TYPE", "FLOAT16"}}},
    {"rms_norm", {{"TYPE", "FLOAT32"}, {"WEIGHT_TYPE", "BFLOAT16"}}},
    {"rms_norm", {{"TYPE", "FLOAT16"}, {"WEIGHT_TYPE", "FLOAT32"}}},
    {"rms_norm", {{"TYPE", "FLOAT16"}, {"WEIGHT_TYPE", "FLOAT16"}}},
    {"rms_norm", {{"TYPE", "FLOAT16"}, {"WEIGHT_TYPE", "BFLOAT16"}}},
    {"rms_norm", {{"TYPE", "BFLOAT16"}, {"WEIGHT_TYPE", "FLOAT32"}}},
    {"rms_norm", {{"TYPE", "BFLOAT16"}, {"WEIGHT_TYPE", "FLOAT16"}}},
    {"rms_norm", {{"TYPE", "BFLOAT16"}, {"WEIGHT_TYPE", "BFLOAT16"}}},
    {"rotary_embedding", {{"TYPE", "FLOAT32"}}},
    {"rotary_embedding", {{"TYPE", "FLOAT16"}}},
    {"rotary_embedding", {{"TYPE", "BFLOAT16"}}},
    {"sample", {{"TYPE", "FLOAT32"}}},
    {"sample", {{"TYPE", "FLOAT16"}}},
    {"sample", {{"TYPE", "BFLOAT16"}}},
    {"silu_mul", {{"TYPE", "FLOAT32"}}},
    {"silu_mul", {{"TYPE", "FLOAT16"}}},
    {"silu_mul", {{"TYPE", "BFLOAT16"}}},
    {"slice", {{"BITS", "4"}}},
    {"slice", {{"BITS", "8"}}},
    {"slice", {{"BITS", "16"}}},
    {"slice", {{"BITS", "32"}}},
    {"softmax", {{"TYPE", "FLOAT32"}}},
    {"softmax", {{"TYPE", "FLOAT16"}}},
    {"softmax", {{"TYPE", "BFLOAT16"}}},
    {"top_k", {{"TYPE", "FLOAT32"}}},
    {"top_k", {{"TYPE", "FLOAT16"}}},
    {"top_k", {{"TYPE", "BFLOAT16"}}},
    {"transpose", {{"BITS", "4"}}},
    {"transpose", {{"BITS", "8"}}},
    {"transpose", {{"BITS", "16"}}},
    {"transpose", {{"BITS", "32"}}},
    {"unary", {{"OP", "NEG"}, {"TYPE", "FLOAT32"}}},
    {"unary", {{"OP", "NEG"}, {"TYPE", "FLOAT16"}}},
    {"unary", {{"OP", "NEG"}, {"TYPE", "BFLOAT16"}}},
    {"unary", {{"OP", "NEG"}, {"TYPE", "INT32"}}},
    {"unary", {{"OP", "EXP"}, {"TYPE", "FLOAT32"}}},
    {"unary", {{"OP", "EXP"}, {"TYPE", "FLOAT16"}}},
    {"unary", {{"OP", "EXP"}, {"TYPE", "BFLOAT16"}}},
    {"unary", {{"OP", "LOG"}, {"TYPE", "FLOAT32"}}},
    {"unary", {{"OP", "LOG"}, {"TYPE", "FLOAT16"}}},
    {"unary", {{"OP", "LOG"}, {"TYPE", "BFLOAT16"}}},
    {"unary", {{"OP", "SQRT"}, {"TYPE", "FLOAT32"}}},
    {"unary", {{"OP", "SQRT"}, {"TYPE", "FLOAT16"}}},
    {"unary", {{"OP", "SQRT"}, {"TYPE", "BFLOAT16"}}},
    {"unary", {{"OP", "TANH"}, {"TYPE", "FLOAT32"}}},
    {"unary", {{"OP", "TANH"}, {"TYPE", "FLOAT16"}}},
    {"unary", {{"OP", "TANH"}, {"TYPE", "BFLOAT16"}}},
    {"unary", {{"OP", "SIGMOID"}, {"TYPE", "FLOAT32"}}},
    {"unary", {{"OP", "SIGMOID"}, {"TYPE", "FLOAT16"}}},
    {"unary", {{"OP", "SIGMOID"}, {"TYPE", "BFLOAT16"}}},
    {"where", {{"BITS", "16"}}},
    {"where", {{"BITS", "32"}}},
};
inline constexpr int kShaderCount = 178;

// The number of an instance; -1 where there is none.
constexpr int add_rms_norm_shader(DType type, DType weight_type) {
  if (type == DType::kFloat32 && weight_type == DType::kFloat32) return 0;
  if (type == DType::kFloat32 && weight_type == DType::kFloat16) return 1;
  if (type == DType::kFloat32 && weight_type == DType::kBfloat16) return 2;
  if (type == DType::kFloat16 && weight_type == DType::kFloat32) return 3;
  if (type == DType::kFloat16 && weight_type == DType::kFloat16) return 4;
  if (type == DType::kFloat16 && weight_type == DType::kBfloat16) return 5;
  if (type == DType::kBfloat16 && weight_type == DType::kFloat32) return 6;
  if (type == DType::kBfloat16 && weight_type == DType::kFloat16) return 7;
  if (type == DType::kBfloat16 && weight_type == DType::kBfloat16) return 8;
  return -1;
}

constexpr int argmax_shader(DType type) {
  if (type == DType::kFloat32) return 9;
  if (type == DType::kFloat16) return 10;
  if (type == DType::kBfloat16) return 11;
  if (type == DType::kInt32) return 12;
  return -1;
}

constexpr int attention_shader(DType cache, DType type) {
  if (cache == DType::kFloat32 && type == DType::kFloat32) return 13;
  if (cache == DType::kFloat32 && type == DType::kFloat16) return 14;
  if (cache == DType::kFloat32 && type == DType::kBfloat16) return 15;
  if (cache == DType::kFloat16 && type == DType::kFloat32) return 16;
  if (cache == DType::kFloat16 && type == DType::kFloat16) return 17;
  if (cache == DType::kFloat16 && type == DType::kBfloat16) return 18;
  if (cache == DType::kBfloat16 && type == DType::kFloat32) return 19;
  if (cache == DType::kBfloat16 && type == DType::kFloat16) return 20;
  if (cache == DType::kBfloat16 && type == DType::kBfloat16) return 21;
  if (cache == DType::kInt8 && type == DType::kFloat32) return 22;
  if (cache == DType::kInt8 && type == DType::kFloat16) return 23;
  if (cache == DType::kInt8 && type == DType::kBfloat16) return 24;
  return -1;
}

constexpr int attention_append_shader(DType cache, DType type) {
  if (cache == DType::kFloat32 && type == DType::kFloat32) return 25;
  if (cache == DType::kFloat32 && type == DType::kFloat16) return 26;
  if (cache == DType::kFloat32 && type == DType::kBfloat16) return 27;
  if (cache == DType::kFloat16 && type == DType::kFloat32) return 28;
  if (cache == DType::kFloat16 && type == DType::kFloat16) return 29;
  if (cache == DType::kFloat16 && type == DType::kBfloat16) return 30;
  if (cache == DType::kBfloat16 && type == DType::kFloat32) return 31;
  if (cache == DType::kBfloat16 && type == DType::kFloat16) return 32;
  if (cache == DType::kBfloat16 && type == DType::kBfloat16) return 33;
  if (cache == DType::kInt8 && type == DType::kFloat32) return 34;
  if (cache == DType::kInt8 && type == DType::kFloat16) return 35;
  if (cache == DType::kInt8 && type == DType::kBfloat16) return 36;
  return -1;
}

constexpr int binary_shader(Op op, DType type) {
  if (op == Op::kAdd && type == DType::kFloat32) return 37;
  if (op == Op::kAdd && type == DType::kFloat16) return 38;
  if (op == Op::kAdd && type == DType::kBfloat16) return 39;
  if (op == Op::kAdd && type == DType::kInt32) return 40;
  if (op == Op::kSub && type == DType::kFloat32) return 41;
  if (op == Op::kSub && type == DType::kFloat16) return 42;
  if (op == Op::kSub && type == DType::kBfloat16) return 43;
  if (op == Op::kSub && type == DType::kInt32) return 44;
  if (op == Op::kMul && type == DType::kFloat32) return 45;
  if (op == Op::kMul && type == DType::kFloat16) return 46;
  if (op == Op::kMul && type == DType::kBfloat16) return 47;
  if (op == Op::kMul && type == DType::kInt32) return 48;
  if (op == Op::kDiv && type == DType::kFloat32) return 49;
  if (op == Op::kDiv && type == DType::kFloat16) return 50;
  if (op == Op::kDiv && type == DType::kBfloat16) return 51;
  if (op == Op::kMaximum && type == DType::kFloat32) return 52;
  if (op == Op::kMaximum && type == DType::kFloat16) return 53;
  if (op == Op::kMaximum && type == DType::kBfloat16) return 54;
  if (op == Op::kMaximum && type == DType::kInt32) return 55;
  if (op == Op::kMinimum && type == DType::kFloat32) return 56;
  if (op == Op::kMinimum && type == DType::kFloat16) return 57;
  if (op == Op::kMinimum && type == DType::kBfloat16) return 58;
  if (op == Op::kMinimum && type == DType::kInt32) return 59;
  return -1;
}

constexpr int cast_shader(DType type) {
  if (type == DType::kFloat32) return 60;
  if (type == DType::kFloat16) return 61;
  if (type == DType::kBfloat16) return 62;
  if (type == DType::kInt8) return 63;
  if (type == DType::kUint8) return 64;
  if (type == DType::kInt4) return 65;
  if (type == DType::kUint4) return 66;
  if (type == DType::kInt32) return 67;
  if (type == DType::kUint32) return 68;
  return -1;
}

constexpr int concat_shader(int bits) {
  if (bits == 4) return 69;
  if (bits == 8) return 70;
  if (bits == 16) return 71;
  if (bits == 32) return 72;
  return -1;
}

constexpr int copy_shader() {
  return 73;
}

constexpr int dequantize_shader(DType type) {
  if (type == DType::kFloat32) return 74;
  if (type == DType::kFloat16) return 75;
  if (type == DType::kBfloat16) return 76;
  return -1;
}

constexpr int full_shader(DType type) {
  if (type == DType::kFloat32) return 77;
  if (type == DType::kFloat16) return 78;
  if (type == DType::kBfloat16) return 79;
  if (type == DType::kInt8) return 80;
  if (type == DType::kUint8) return 81;
  if (type == DType::kInt4) return 82;
  if (type == DType::kUint4) return 83;
  if (type == DType::kInt32) return 84;
  if (type == DType::kUint32) return 85;
  return -1;
}

constexpr int gather_shader(int bits) {
  if (bits == 4) return 86;
  if (bits == 8) return 87;
  if (bits == 16) return 88;
  if (bits == 32) return 89;
  return -1;
}

constexpr int matmul_shader(DType type) {
  if (type == DType::kFloat32) return 90;
  if (type == DType::kFloat16) return 91;
  if (type == DType::kBfloat16) return 92;
  return -1;
}

constexpr int matmul_int4_shader(DType type, DType scale_type, int zeros) {
  if (type == DType::kFloat32 && scale_type == DType::kFloat32 && zeros == 0) return 93;
  if (type == DType::kFloat32 && scale_type == DType::kFloat32 && zeros == 1) return 94;
  if (type == DType::kFloat32 && scale_type == DType::kFloat16 && zeros == 0) return 95;
  if (type == DType::kFloat32 && scale_type == DType::kFloat16 && zeros == 1) return 96;
  if (type == DType::kFloat32 && scale_type == DType::kBfloat16 && zeros == 0) return 97;
  if (type == DType::kFloat32 && scale_type == DType::kBfloat16 && zeros == 1) return 98;
  if (type == DType::kFloat16 && scale_type == DType::kFloat32 && zeros == 0) return 99;
  if (type == DType::kFloat16 && scale_type == DType::kFloat32 && zeros == 1) return 100;
  if (type == DType::kFloat16 && scale_type == DType::kFloat16 && zeros == 0) return 101;
  if (type == DType::kFloat16 && scale_type == DType::kFloat16 && zeros == 1) return 102;
  if (type == DType::kFloat16 && scale_type == DType::kBfloat16 && zeros == 0) return 103;
  if (type == DType::kFloat16 && scale_type == DType::kBfloat16 && zeros == 1) return 104;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat32 && zeros == 0) return 105;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat32 && zeros == 1) return 106;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat16 && zeros == 0) return 107;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat16 && zeros == 1) return 108;
  if (type == DType::kBfloat16 && scale_type == DType::kBfloat16 && zeros == 0) return 109;
  if (type == DType::kBfloat16 && scale_type == DType::kBfloat16 && zeros == 1) return 110;
  return -1;
}

constexpr int quantize_shader(DType type) {
  if (type == DType::kFloat32) return 111;
  if (type == DType::kFloat16) return 112;
  if (type == DType::kBfloat16) return 113;
  return -1;
}

constexpr int reduce_shader(Op op, DType type) {
  if (op == Op::kSum && type == DType::kFloat32) return 114;
  if (op == Op::kSum && type == DType::kFloat16) return 115;
  if (op == Op::kSum && type == DType::kBfloat16) return 116;
  if (op == Op::kSum && type == DType::kInt32) return 117;
  if (op == Op::kMean && type == DType::kFloat32) return 118;
  if (op == Op::kMean && type == DType::kFloat16) return 119;
  if (op == Op::kMean && type == DType::kBfloat16) return 120;
  if (op == Op::kMax && type == DType::kFloat32) return 121;
  if (op == Op::kMax && type == DType::kFloat16) return 122;
  if (op == Op::kMax && type == DType::kBfloat16) return 123;
  if (op == Op::kMax && type == DType::kInt32) return 124;
  return -1;
}

constexpr int rms_norm_shader(DType type, DType weight_type) {
  if (type == DType::kFloat32 && weight_type == DType::kFloat32) return 125;
  if (type == DType::kFloat32 && weight_type == DType::kFloat16) return 126;
  if (type == DType::kFloat32 && weight_type == DType::kBfloat16) return 127;
  if (type == DType::kFloat16 && weight_type == DType::kFloat32) return 128;
  if (type == DType::kFloat16 && weight_type == DType::kFloat16) return 129;
  if (type == DType::kFloat16 && weight_type == DType::kBfloat16) return 130;
  if (type == DType::kBfloat16 && weight_type == DType::kFloat32) return 131;
  if (type == DType::kBfloat16 && weight_type == DType::kFloat16) return 132;
  if (type == DType::kBfloat16 && weight_type == DType::kBfloat16) return 133;
  return -1;
}

constexpr int rotary_embedding_shader(DType type) {
  if (type == DType::kFloat32) return 134;
  if (type == DType::kFloat16) return 135;
  if (type == DType::kBfloat16) return 136;
  return -1;
}

constexpr int sample_shader(DType type) {
  if (type == DType::kFloat32) return 137;
  if (type == DType::kFloat16) return 138;
  if (type == DType::kBfloat16) return 139;
  return -1;
}

constexpr int silu_mul_shader(DType type) {
  if (type == DType::kFloat32) return 140;
  if (type == DType::kFloat16) return 141;
  if (type == DType::kBfloat16) return 142;
  return -1;
}

constexpr int slice_shader(int bits) {
  if (bits == 4) return 143;
  if (bits == 8) return 144;
  if (bits == 16) return 145;
  if (bits == 32) return 146;
  return -1;
}

constexpr int softmax_shader(DType type) {
  if (type == DType::kFloat32) return 147;
  if (type == DType::kFloat16) return 148;
  if (type == DType::kBfloat16) return 149;
  return -1;
}

constexpr int top_k_shader(DType type) {
  if (type == DType::kFloat32) return 150;
  if (type == DType::kFloat16) return 151;
  if (type == DType::kBfloat16) return 152;
  return -1;
}

constexpr int transpose_shader(int bits) {
  if (bits == 4) return 153;
  if (bits == 8) return 154;
  if (bits == 16) return 155;
  if (bits == 32) return 156;
  return -1;
}

constexpr int unary_shader(Op op, DType type) {
  if (op == Op::kNeg && type == DType::kFloat32) return 157;
  if (op == Op::kNeg && type == DType::kFloat16) return 158;
  if (op == Op::kNeg && type == DType::kBfloat16) return 159;
  if (op == Op::kNeg && type == DType::kInt32) return 160;
  if (op == Op::kExp && type == DType::kFloat32) return 161;
  if (op == Op::kExp && type == DType::kFloat16) return 162;
  if (op == Op::kExp && type == DType::kBfloat16) return 163;
  if (op == Op::kLog && type == DType::kFloat32) return 164;
  if (op == Op::kLog && type == DType::kFloat16) return 165;
  if (op == Op::kLog && type == DType::kBfloat16) return 166;
  if (op == Op::kSqrt && type == DType::kFloat32) return 167;
  if (op == Op::kSqrt && type == DType::kFloat16) return 168;
  if (op == Op::kSqrt && type == DType::kBfloat16) return 169;
  if (op == Op::kTanh && type == DType::kFloat32) return 170;
  if (op == Op::kTanh && type == DType::kFloat16) return 171;
  if (op == Op::kTanh && type == DType::kBfloat16) return 172;
  if (op == Op::kSigmoid && type == DType::kFloat32) return 173;
  if (op == Op::kSigmoid && type == DType::kFloat16) return 174;
  if (op == Op::kSigmoid && type == DType::kBfloat16) return 175;
  return -1;
}

constexpr int where_shader(int bits) {
  if (bits == 16) return 176;
  if (bits == 32) return 177;
  return -1;
}

}  // namespace lophi::dml
