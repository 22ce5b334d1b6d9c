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
    {"cast", {}},
    {"copy", {}},
    {"gather", {{"TYPE", "FLOAT32"}}},
    {"gather", {{"TYPE", "FLOAT16"}}},
    {"gather", {{"TYPE", "BFLOAT16"}}},
    {"gather", {{"TYPE", "INT32"}}},
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
    {"rotary_embedding", {{"TYPE", "FLOAT32"}}},
    {"rotary_embedding", {{"TYPE", "FLOAT16"}}},
    {"rotary_embedding", {{"TYPE", "BFLOAT16"}}},
    {"sample", {{"TYPE", "FLOAT32"}}},
    {"sample", {{"TYPE", "FLOAT16"}}},
    {"sample", {{"TYPE", "BFLOAT16"}}},
    {"silu_mul", {{"TYPE", "FLOAT32"}}},
    {"silu_mul", {{"TYPE", "FLOAT16"}}},
    {"silu_mul", {{"TYPE", "BFLOAT16"}}},
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
inline constexpr int kShaderCount = 104;

// The number of an instance; -1 where there is none.
constexpr int attention_shader(DType cache, DType type) {
  if (cache == DType::kFloat32 && type == DType::kFloat32) return 0;
  if (cache == DType::kFloat32 && type == DType::kFloat16) return 1;
  if (cache == DType::kFloat32 && type == DType::kBfloat16) return 2;
  if (cache == DType::kFloat16 && type == DType::kFloat32) return 3;
  if (cache == DType::kFloat16 && type == DType::kFloat16) return 4;
  if (cache == DType::kFloat16 && type == DType::kBfloat16) return 5;
  if (cache == DType::kBfloat16 && type == DType::kFloat32) return 6;
  if (cache == DType::kBfloat16 && type == DType::kFloat16) return 7;
  if (cache == DType::kBfloat16 && type == DType::kBfloat16) return 8;
  if (cache == DType::kInt8 && type == DType::kFloat32) return 9;
  if (cache == DType::kInt8 && type == DType::kFloat16) return 10;
  if (cache == DType::kInt8 && type == DType::kBfloat16) return 11;
  return -1;
}

constexpr int attention_append_shader(DType cache, DType type) {
  if (cache == DType::kFloat32 && type == DType::kFloat32) return 12;
  if (cache == DType::kFloat32 && type == DType::kFloat16) return 13;
  if (cache == DType::kFloat32 && type == DType::kBfloat16) return 14;
  if (cache == DType::kFloat16 && type == DType::kFloat32) return 15;
  if (cache == DType::kFloat16 && type == DType::kFloat16) return 16;
  if (cache == DType::kFloat16 && type == DType::kBfloat16) return 17;
  if (cache == DType::kBfloat16 && type == DType::kFloat32) return 18;
  if (cache == DType::kBfloat16 && type == DType::kFloat16) return 19;
  if (cache == DType::kBfloat16 && type == DType::kBfloat16) return 20;
  if (cache == DType::kInt8 && type == DType::kFloat32) return 21;
  if (cache == DType::kInt8 && type == DType::kFloat16) return 22;
  if (cache == DType::kInt8 && type == DType::kBfloat16) return 23;
  return -1;
}

constexpr int binary_shader(Op op, DType type) {
  if (op == Op::kAdd && type == DType::kFloat32) return 24;
  if (op == Op::kAdd && type == DType::kFloat16) return 25;
  if (op == Op::kAdd && type == DType::kBfloat16) return 26;
  if (op == Op::kAdd && type == DType::kInt32) return 27;
  if (op == Op::kSub && type == DType::kFloat32) return 28;
  if (op == Op::kSub && type == DType::kFloat16) return 29;
  if (op == Op::kSub && type == DType::kBfloat16) return 30;
  if (op == Op::kSub && type == DType::kInt32) return 31;
  if (op == Op::kMul && type == DType::kFloat32) return 32;
  if (op == Op::kMul && type == DType::kFloat16) return 33;
  if (op == Op::kMul && type == DType::kBfloat16) return 34;
  if (op == Op::kMul && type == DType::kInt32) return 35;
  if (op == Op::kDiv && type == DType::kFloat32) return 36;
  if (op == Op::kDiv && type == DType::kFloat16) return 37;
  if (op == Op::kDiv && type == DType::kBfloat16) return 38;
  if (op == Op::kMaximum && type == DType::kFloat32) return 39;
  if (op == Op::kMaximum && type == DType::kFloat16) return 40;
  if (op == Op::kMaximum && type == DType::kBfloat16) return 41;
  if (op == Op::kMaximum && type == DType::kInt32) return 42;
  if (op == Op::kMinimum && type == DType::kFloat32) return 43;
  if (op == Op::kMinimum && type == DType::kFloat16) return 44;
  if (op == Op::kMinimum && type == DType::kBfloat16) return 45;
  if (op == Op::kMinimum && type == DType::kInt32) return 46;
  return -1;
}

constexpr int cast_shader() {
  return 47;
}

constexpr int copy_shader() {
  return 48;
}

constexpr int gather_shader(DType type) {
  if (type == DType::kFloat32) return 49;
  if (type == DType::kFloat16) return 50;
  if (type == DType::kBfloat16) return 51;
  if (type == DType::kInt32) return 52;
  return -1;
}

constexpr int matmul_shader(DType type) {
  if (type == DType::kFloat32) return 53;
  if (type == DType::kFloat16) return 54;
  if (type == DType::kBfloat16) return 55;
  return -1;
}

constexpr int matmul_int4_shader(DType type, DType scale_type, int zeros) {
  if (type == DType::kFloat32 && scale_type == DType::kFloat32 && zeros == 0) return 56;
  if (type == DType::kFloat32 && scale_type == DType::kFloat32 && zeros == 1) return 57;
  if (type == DType::kFloat32 && scale_type == DType::kFloat16 && zeros == 0) return 58;
  if (type == DType::kFloat32 && scale_type == DType::kFloat16 && zeros == 1) return 59;
  if (type == DType::kFloat32 && scale_type == DType::kBfloat16 && zeros == 0) return 60;
  if (type == DType::kFloat32 && scale_type == DType::kBfloat16 && zeros == 1) return 61;
  if (type == DType::kFloat16 && scale_type == DType::kFloat32 && zeros == 0) return 62;
  if (type == DType::kFloat16 && scale_type == DType::kFloat32 && zeros == 1) return 63;
  if (type == DType::kFloat16 && scale_type == DType::kFloat16 && zeros == 0) return 64;
  if (type == DType::kFloat16 && scale_type == DType::kFloat16 && zeros == 1) return 65;
  if (type == DType::kFloat16 && scale_type == DType::kBfloat16 && zeros == 0) return 66;
  if (type == DType::kFloat16 && scale_type == DType::kBfloat16 && zeros == 1) return 67;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat32 && zeros == 0) return 68;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat32 && zeros == 1) return 69;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat16 && zeros == 0) return 70;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat16 && zeros == 1) return 71;
  if (type == DType::kBfloat16 && scale_type == DType::kBfloat16 && zeros == 0) return 72;
  if (type == DType::kBfloat16 && scale_type == DType::kBfloat16 && zeros == 1) return 73;
  return -1;
}

constexpr int rotary_embedding_shader(DType type) {
  if (type == DType::kFloat32) return 74;
  if (type == DType::kFloat16) return 75;
  if (type == DType::kBfloat16) return 76;
  return -1;
}

constexpr int sample_shader(DType type) {
  if (type == DType::kFloat32) return 77;
  if (type == DType::kFloat16) return 78;
  if (type == DType::kBfloat16) return 79;
  return -1;
}

constexpr int silu_mul_shader(DType type) {
  if (type == DType::kFloat32) return 80;
  if (type == DType::kFloat16) return 81;
  if (type == DType::kBfloat16) return 82;
  return -1;
}

constexpr int unary_shader(Op op, DType type) {
  if (op == Op::kNeg && type == DType::kFloat32) return 83;
  if (op == Op::kNeg && type == DType::kFloat16) return 84;
  if (op == Op::kNeg && type == DType::kBfloat16) return 85;
  if (op == Op::kNeg && type == DType::kInt32) return 86;
  if (op == Op::kExp && type == DType::kFloat32) return 87;
  if (op == Op::kExp && type == DType::kFloat16) return 88;
  if (op == Op::kExp && type == DType::kBfloat16) return 89;
  if (op == Op::kLog && type == DType::kFloat32) return 90;
  if (op == Op::kLog && type == DType::kFloat16) return 91;
  if (op == Op::kLog && type == DType::kBfloat16) return 92;
  if (op == Op::kSqrt && type == DType::kFloat32) return 93;
  if (op == Op::kSqrt && type == DType::kFloat16) return 94;
  if (op == Op::kSqrt && type == DType::kBfloat16) return 95;
  if (op == Op::kTanh && type == DType::kFloat32) return 96;
  if (op == Op::kTanh && type == DType::kFloat16) return 97;
  if (op == Op::kTanh && type == DType::kBfloat16) return 98;
  if (op == Op::kSigmoid && type == DType::kFloat32) return 99;
  if (op == Op::kSigmoid && type == DType::kFloat16) return 100;
  if (op == Op::kSigmoid && type == DType::kBfloat16) return 101;
  return -1;
}

constexpr int where_shader(int bits) {
  if (bits == 16) return 102;
  if (bits == 32) return 103;
  return -1;
}

}  // namespace lophi::dml
