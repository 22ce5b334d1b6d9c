#include "cpu/convert.h"

#include <cmath>

namespace lophi::cpu {
namespace {

template <class T>
T saturate(double value, double low, double high) {
  if (std::isnan(value)) return 0;
  return static_cast<T>(value < low ? low : value > high ? high : std::trunc(value));
}

}  // namespace

double load_element(DType dtype, const std::byte* data, int64_t i) {
  switch (dtype) {
    case DType::kFloat32:
      return reinterpret_cast<const float*>(data)[i];
    case DType::kFloat16:
      return reinterpret_cast<const Float16*>(data)[i];
    case DType::kBfloat16:
      return reinterpret_cast<const Bfloat16*>(data)[i];
    case DType::kInt8:
      return reinterpret_cast<const int8_t*>(data)[i];
    case DType::kUint8:
      return reinterpret_cast<const uint8_t*>(data)[i];
    case DType::kInt4:
      return static_cast<int8_t>(get_nibble(data, i) << 4) >> 4;
    case DType::kUint4:
      return get_nibble(data, i);
    case DType::kInt32:
      return reinterpret_cast<const int32_t*>(data)[i];
    case DType::kUint32:
      return reinterpret_cast<const uint32_t*>(data)[i];
  }
  return 0;
}

void store_element(DType dtype, std::byte* data, int64_t i, double value) {
  switch (dtype) {
    case DType::kFloat32:
      reinterpret_cast<float*>(data)[i] = static_cast<float>(value);
      break;
    case DType::kFloat16:
      reinterpret_cast<Float16*>(data)[i] = Float16(static_cast<float>(value));
      break;
    case DType::kBfloat16:
      reinterpret_cast<Bfloat16*>(data)[i] = Bfloat16(static_cast<float>(value));
      break;
    case DType::kInt8:
      reinterpret_cast<int8_t*>(data)[i] = saturate<int8_t>(value, -128, 127);
      break;
    case DType::kUint8:
      reinterpret_cast<uint8_t*>(data)[i] = saturate<uint8_t>(value, 0, 255);
      break;
    case DType::kInt4:
      set_nibble(data, i, static_cast<uint8_t>(saturate<int8_t>(value, -8, 7)));
      break;
    case DType::kUint4:
      set_nibble(data, i, saturate<uint8_t>(value, 0, 15));
      break;
    case DType::kInt32:
      reinterpret_cast<int32_t*>(data)[i] = saturate<int32_t>(value, -2147483648.0, 2147483647.0);
      break;
    case DType::kUint32:
      reinterpret_cast<uint32_t*>(data)[i] = saturate<uint32_t>(value, 0, 4294967295.0);
      break;
  }
}

}  // namespace lophi::cpu
