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
inline constexpr int kShaderCount = 71;

// The number of an instance; -1 where there is none.
constexpr int binary_shader(Op op, DType type) {
  if (op == Op::kAdd && type == DType::kFloat32) return 0;
  if (op == Op::kAdd && type == DType::kFloat16) return 1;
  if (op == Op::kAdd && type == DType::kBfloat16) return 2;
  if (op == Op::kAdd && type == DType::kInt32) return 3;
  if (op == Op::kSub && type == DType::kFloat32) return 4;
  if (op == Op::kSub && type == DType::kFloat16) return 5;
  if (op == Op::kSub && type == DType::kBfloat16) return 6;
  if (op == Op::kSub && type == DType::kInt32) return 7;
  if (op == Op::kMul && type == DType::kFloat32) return 8;
  if (op == Op::kMul && type == DType::kFloat16) return 9;
  if (op == Op::kMul && type == DType::kBfloat16) return 10;
  if (op == Op::kMul && type == DType::kInt32) return 11;
  if (op == Op::kDiv && type == DType::kFloat32) return 12;
  if (op == Op::kDiv && type == DType::kFloat16) return 13;
  if (op == Op::kDiv && type == DType::kBfloat16) return 14;
  if (op == Op::kMaximum && type == DType::kFloat32) return 15;
  if (op == Op::kMaximum && type == DType::kFloat16) return 16;
  if (op == Op::kMaximum && type == DType::kBfloat16) return 17;
  if (op == Op::kMaximum && type == DType::kInt32) return 18;
  if (op == Op::kMinimum && type == DType::kFloat32) return 19;
  if (op == Op::kMinimum && type == DType::kFloat16) return 20;
  if (op == Op::kMinimum && type == DType::kBfloat16) return 21;
  if (op == Op::kMinimum && type == DType::kInt32) return 22;
  return -1;
}

constexpr int cast_shader() {
  return 23;
}

constexpr int copy_shader() {
  return 24;
}

constexpr int gather_shader(DType type) {
  if (type == DType::kFloat32) return 25;
  if (type == DType::kFloat16) return 26;
  if (type == DType::kBfloat16) return 27;
  if (type == DType::kInt32) return 28;
  return -1;
}

constexpr int matmul_int4_shader(DType type, DType scale_type, int zeros) {
  if (type == DType::kFloat32 && scale_type == DType::kFloat32 && zeros == 0) return 29;
  if (type == DType::kFloat32 && scale_type == DType::kFloat32 && zeros == 1) return 30;
  if (type == DType::kFloat32 && scale_type == DType::kFloat16 && zeros == 0) return 31;
  if (type == DType::kFloat32 && scale_type == DType::kFloat16 && zeros == 1) return 32;
  if (type == DType::kFloat32 && scale_type == DType::kBfloat16 && zeros == 0) return 33;
  if (type == DType::kFloat32 && scale_type == DType::kBfloat16 && zeros == 1) return 34;
  if (type == DType::kFloat16 && scale_type == DType::kFloat32 && zeros == 0) return 35;
  if (type == DType::kFloat16 && scale_type == DType::kFloat32 && zeros == 1) return 36;
  if (type == DType::kFloat16 && scale_type == DType::kFloat16 && zeros == 0) return 37;
  if (type == DType::kFloat16 && scale_type == DType::kFloat16 && zeros == 1) return 38;
  if (type == DType::kFloat16 && scale_type == DType::kBfloat16 && zeros == 0) return 39;
  if (type == DType::kFloat16 && scale_type == DType::kBfloat16 && zeros == 1) return 40;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat32 && zeros == 0) return 41;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat32 && zeros == 1) return 42;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat16 && zeros == 0) return 43;
  if (type == DType::kBfloat16 && scale_type == DType::kFloat16 && zeros == 1) return 44;
  if (type == DType::kBfloat16 && scale_type == DType::kBfloat16 && zeros == 0) return 45;
  if (type == DType::kBfloat16 && scale_type == DType::kBfloat16 && zeros == 1) return 46;
  return -1;
}

constexpr int silu_mul_shader(DType type) {
  if (type == DType::kFloat32) return 47;
  if (type == DType::kFloat16) return 48;
  if (type == DType::kBfloat16) return 49;
  return -1;
}

constexpr int unary_shader(Op op, DType type) {
  if (op == Op::kNeg && type == DType::kFloat32) return 50;
  if (op == Op::kNeg && type == DType::kFloat16) return 51;
  if (op == Op::kNeg && type == DType::kBfloat16) return 52;
  if (op == Op::kNeg && type == DType::kInt32) return 53;
  if (op == Op::kExp && type == DType::kFloat32) return 54;
  if (op == Op::kExp && type == DType::kFloat16) return 55;
  if (op == Op::kExp && type == DType::kBfloat16) return 56;
  if (op == Op::kLog && type == DType::kFloat32) return 57;
  if (op == Op::kLog && type == DType::kFloat16) return 58;
  if (op == Op::kLog && type == DType::kBfloat16) return 59;
  if (op == Op::kSqrt && type == DType::kFloat32) return 60;
  if (op == Op::kSqrt && type == DType::kFloat16) return 61;
  if (op == Op::kSqrt && type == DType::kBfloat16) return 62;
  if (op == Op::kTanh && type == DType::kFloat32) return 63;
  if (op == Op::kTanh && type == DType::kFloat16) return 64;
  if (op == Op::kTanh && type == DType::kBfloat16) return 65;
  if (op == Op::kSigmoid && type == DType::kFloat32) return 66;
  if (op == Op::kSigmoid && type == DType::kFloat16) return 67;
  if (op == Op::kSigmoid && type == DType::kBfloat16) return 68;
  return -1;
}

constexpr int where_shader(int bits) {
  if (bits == 16) return 69;
  if (bits == 32) return 70;
  return -1;
}

}  // namespace lophi::dml
