// Generated from lib/dtype.ts and lib/formats/weight-formats.ts by npm run gen; do not edit.
// clang-format off
#pragma once
#include <cstdint>

namespace lophi {

// 4-bit types hold two elements a byte, low nibble first.
enum class DType : uint8_t { kFloat32, kFloat16, kBfloat16, kInt8, kUint8, kInt4, kUint4, kInt32, kUint32 };
inline constexpr const char* kDTypeNames[] = {"float32", "float16", "bfloat16", "int8", "uint8", "int4", "uint4", "int32", "uint32"};
inline constexpr int kDTypeCount = 9;
constexpr const char* name_of(DType value) { return kDTypeNames[static_cast<int>(value)]; }

constexpr int bits_of(DType dtype) {
  constexpr int kBits[] = {32, 16, 16, 8, 8, 4, 4, 32, 32};
  return kBits[static_cast<int>(dtype)];
}

// What each looks like is said in lib/formats/weight-formats.ts.
enum class WeightFormat : uint8_t { kFloat32, kFloat16, kBfloat16, kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ2K, kQ3K, kQ4K, kQ5K, kQ6K, kIq4Nl, kIq4Xs, kInt4, kInt8 };
inline constexpr const char* kWeightFormatNames[] = {"float32", "float16", "bfloat16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs", "int4", "int8"};
inline constexpr int kWeightFormatCount = 17;
constexpr const char* name_of(WeightFormat value) { return kWeightFormatNames[static_cast<int>(value)]; }

// How a row of K values lies in memory: K / block units of `bytes` bytes. int4 and int8 have groups of any size instead.
struct FormatInfo {
  int block;  // values per unit; K must be a multiple
  int bytes;  // bytes per unit
};
constexpr FormatInfo info_of(WeightFormat format) {
  constexpr FormatInfo kInfos[] = {{1, 4}, {1, 2}, {1, 2}, {32, 34}, {32, 18}, {32, 20}, {32, 22}, {32, 24}, {256, 84}, {256, 110}, {256, 144}, {256, 176}, {256, 210}, {32, 18}, {256, 136}, {1, 0}, {1, 1}};
  return kInfos[static_cast<int>(format)];
}

// What each looks like is said in lib/formats/weight-formats.ts.
enum class WeightPacking : uint8_t { kRows, kColumns, kAwq, kGptq, kGptqV2 };
inline constexpr const char* kWeightPackingNames[] = {"rows", "columns", "awq", "gptq", "gptq_v2"};
inline constexpr int kWeightPackingCount = 5;
constexpr const char* name_of(WeightPacking value) { return kWeightPackingNames[static_cast<int>(value)]; }

// Zero points of int4 and int8.
enum class ZeroType : uint8_t { kNone, kPacked, kFloat, kOffset };
inline constexpr const char* kZeroTypeNames[] = {"none", "packed", "float", "offset"};
inline constexpr int kZeroTypeCount = 4;
constexpr const char* name_of(ZeroType value) { return kZeroTypeNames[static_cast<int>(value)]; }

}  // namespace lophi
