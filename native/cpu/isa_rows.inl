// Conversions, elementwise functions and reductions over rows, on the vectors of isa_vec*.inl.
#pragma once
#include "cpu/isa_vec.inl"

namespace lophi::cpu {
namespace {

// Calls body(i, part) for every vector of a row; the last one may be a Tail.
template <class Body>
LOPHI_INLINE void each_vector(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, Full{});
  if (i < n) body(i, Tail{n - i});
}

// Combines the vectors of a row in four independent chains, which hide the latency of an addition.
// step(accumulator, i, part) returns the new accumulator, join(a, b) merges two.
template <class Step, class Join>
LOPHI_INLINE F reduce_vectors(int64_t n, F start, Step step, Join join) {
  F chain[4] = {start, start, start, start};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int c = 0; c < 4; ++c) chain[c] = step(chain[c], i + c * kLanes, Full{});
  }
  for (; i + kLanes <= n; i += kLanes) chain[0] = step(chain[0], i, Full{});
  if (i < n) chain[1] = step(chain[1], i, Tail{n - i});
  return join(join(chain[0], chain[1]), join(chain[2], chain[3]));
}

// ---- conversion

void to_float(DType dtype, const void* from, float* to, int64_t n) {
  const auto* bytes = static_cast<const std::byte*>(from);
  switch (dtype) {
    case DType::kFloat16:
      return each_vector(n, [&](int64_t i, auto part) { store(to + i, load_half(bytes + 2 * i, part), part); });
    case DType::kBfloat16:
      return each_vector(n, [&](int64_t i, auto part) { store(to + i, load_bfloat(bytes + 2 * i, part), part); });
    case DType::kFloat32:
      std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
      return;
    default:
      return;  // refused by the checker
  }
}

void from_float(DType dtype, const float* from, void* to, int64_t n) {
  auto* bytes = static_cast<std::byte*>(to);
  switch (dtype) {
    case DType::kFloat16:
      return each_vector(n, [&](int64_t i, auto part) { store_half(bytes + 2 * i, load(from + i, part), part); });
    case DType::kBfloat16:
      return each_vector(n, [&](int64_t i, auto part) { store_bfloat(bytes + 2 * i, load(from + i, part), part); });
    case DType::kFloat32:
      std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
      return;
    default:
      return;  // refused by the checker
  }
}

// ---- exponential

// e^x for x <= 0 within 2e-7 of itself down to -87.3, then 0; NaN stays NaN.
// x = n ln 2 + r, e^r = 1 + r + r^2 P(r) with P minimax on |r| <= ln 2 / 2 (error 3e-9).
LOPHI_INLINE F exp_negative(F x) {
  const F lowest = set1(-87.336540f);  // just above ln 2^-126
  const F inside = max(x, lowest);
  const F n = round(mul(inside, set1(1.44269504f)));
  // 0x1.62e4p-1 has 15 bits, so that its product with n is exact
  F r = sub(inside, mul(n, set1(0x1.62e4p-1f)));
  r = sub(r, mul(n, set1(1.42860677e-6f)));
  F p = fma(r, set1(0.00138145401768f), set1(0.00836874510894f));
  p = fma(p, r, set1(0.0416683907835f));
  p = fma(p, r, set1(0.16666520399f));
  p = fma(p, r, set1(0.499999934321f));
  p = fma(mul(r, r), p, r);
  const F y = mul(add(p, set1(1.0f)), exp2_whole(n));
  return select_less(x, lowest, zero(), y);
}

float exp_sum(float* x, float max, int64_t n) {
  constexpr int64_t kBlock = 1024;  // a sum of sums: a row may be as long as a vocabulary
  const F top = set1(max);
  F total = zero();
  for (int64_t from = 0; from < n; from += kBlock) {
    float* block = x + from;
    F partial = zero();
    each_vector(smaller(n - from, kBlock), [&](int64_t i, auto part) {
      store(block + i, exp_negative(sub(load(block + i, part), top)), part);
      partial = add(partial, load(block + i, part));  // zeros beyond a tail
    });
    total = add(total, partial);
  }
  return sum(total);
}

// silu(z) = z / (1 + e^-z), written with e^-|z| so that nothing overflows.
void silu_mul(const float* gate, const float* up, float* y, int64_t n) {
  const F one = set1(1.0f);
  each_vector(n, [&](int64_t i, auto part) {
    const F z = load(gate + i, part);
    const F e = exp_negative(sub(zero(), abs(z)));
    const F sigmoid = div(select_less(z, zero(), e, one), add(one, e));
    store(y + i, mul(mul(z, sigmoid), load(up + i, part)), part);
  });
}

// ---- elementwise

void scale_mul(const float* x, float scale, const float* weight, float* y, int64_t n) {
  const F factor = set1(scale);
  each_vector(n, [&](int64_t i, auto part) {
    store(y + i, mul(mul(load(x + i, part), factor), load(weight + i, part)), part);
  });
}

void add_rows(const float* a, const float* b, float* y, int64_t n) {
  each_vector(n, [&](int64_t i, auto part) { store(y + i, add(load(a + i, part), load(b + i, part)), part); });
}

void scale_row(float* x, float factor, int64_t n) {
  const F f = set1(factor);
  each_vector(n, [&](int64_t i, auto part) { store(x + i, mul(load(x + i, part), f), part); });
}

// ---- reductions

float sum_squares(const float* x, int64_t n) {
  return sum(reduce_vectors(
      n, zero(),
      [&](F total, int64_t i, auto part) {
        const F v = load(x + i, part);
        return fma(v, v, total);
      },
      [](F a, F b) { return add(a, b); }));
}

float max_row(const float* x, int64_t n) {
  // whole vectors first; the rest is shorter than a vector
  const int64_t whole = n - n % kLanes;
  const F top = reduce_vectors(
      whole, set1(-kInfinity), [&](F t, int64_t i, auto part) { return max(t, load(x + i, part)); },
      [](F a, F b) { return max(a, b); });
  float lanes[kLanes];
  store(lanes, top);
  float result = -kInfinity;
  const auto take = [&](float v) {
    if (!(v <= result) && result == result) result = v;  // true for NaN too, which then stays
  };
  for (int i = 0; i < kLanes; ++i) take(lanes[i]);
  for (int64_t i = whole; i < n; ++i) take(read<float>(x + i));
  return result;
}

}  // namespace
}  // namespace lophi::cpu
