// Tensors out of nothing but attributes.
#include <algorithm>
#include <bit>
#include <cmath>

#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

// A whole number of [low, high]; NaN gives 0.
double whole(double value, double low, double high) {
  return std::isnan(value) ? 0 : std::clamp(std::trunc(value), low, high);
}

// What an element of an integer dtype becomes: the bits of a two's complement.
uint32_t integer_bits(DType dtype, double value) {
  const int bits = bits_of(dtype);
  const bool is_signed = dtype == DType::kInt4 || dtype == DType::kInt8 || dtype == DType::kInt32;
  const double low = is_signed ? -std::ldexp(1, bits - 1) : 0, high = std::ldexp(1, is_signed ? bits - 1 : bits) - 1;
  return static_cast<uint32_t>(static_cast<int64_t>(whole(value, low, high))) & (~0u >> (32 - bits));
}

void fill(Commands& commands, const View& y, double value) {
  const uint32_t bits =
      is_float(y.dtype) ? std::bit_cast<uint32_t>(static_cast<float>(value)) : integer_bits(y.dtype, value);
  const uint32_t constants[] = {static_cast<uint32_t>(y.count()), bits};
  const Operand operands[] = {write(y)};
  commands.kernel(full_shader(y.dtype), operands, constants, groups_of_words(y));
}

}  // namespace

void zeros(Commands& commands, const Call& call) { fill(commands, args::Zeros(call).y, 0); }

void full(Commands& commands, const Call& call) {
  const args::Full x(call);
  fill(commands, x.y, x.value);
}

size_t arange_scratch(const Call& call) {
  const args::Arange x(call);
  return bits_of(x.y.dtype) == 32 ? 0 : static_cast<size_t>(x.y.count()) * sizeof(float);
}

// In double, which not every GPU has: the host computes what the dtype, or float32 where it is smaller, is rounded from.
void arange(Commands& commands, const Call& call) {
  const args::Arange x(call);
  if (!x.y.count()) return;
  std::vector<uint32_t> values(static_cast<size_t>(x.y.count()));
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = x.start + static_cast<double>(i) * x.step;
    if (is_float(x.y.dtype))
      values[i] = std::bit_cast<uint32_t>(static_cast<float>(value));
    else if (bits_of(x.y.dtype) == 32)
      values[i] = integer_bits(x.y.dtype, value);
    else
      values[i] = std::bit_cast<uint32_t>(static_cast<float>(std::trunc(value)));
  }
  const bool direct = bits_of(x.y.dtype) == 32;
  const View to = direct ? x.y : View{call.scratch.buffer, call.scratch.offset, DType::kFloat32, x.y.shape};
  // a closed list does not know the state that it finds a buffer in: a shader's write makes it known to the copy
  fill(commands, to, 0);
  commands.constant(to, std::as_bytes(std::span(values)));
  if (!direct) convert(commands, to, x.y);
}

}  // namespace lophi::dml
