// One element of any dtype as double, which holds all of their values.
#pragma once
#include "cpu/layout.h"

namespace lophi::cpu {

double load_element(DType dtype, const std::byte* data, int64_t i);
// Floats round to nearest even; integers truncate and saturate, NaN gives 0.
void store_element(DType dtype, std::byte* data, int64_t i, double value);

}  // namespace lophi::cpu
