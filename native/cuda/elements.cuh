// Elements of any dtype: reading one as float or as a whole number, which hold all of its values, and storing one with the rules of
// cast: floats round to nearest even; to an integer they truncate and saturate, NaN gives 0; integers saturate.
#pragma once
#include "cuda/bits.cuh"

// Two elements a byte, low nibble first.
struct Int4 {};
struct Uint4 {};

DEVICE float value_at(const float* x, i64 i) { return x[i]; }
DEVICE float value_at(const Half* x, i64 i) { return to_float(x[i]); }
DEVICE float value_at(const Bfloat* x, i64 i) { return to_float(x[i]); }
DEVICE float value_at(const i8* x, i64 i) { return static_cast<float>(x[i]); }
DEVICE float value_at(const u8* x, i64 i) { return static_cast<float>(x[i]); }
DEVICE float value_at(const Int4* x, i64 i) { return static_cast<float>((nibble_at(x, i) ^ 8) - 8); }
DEVICE float value_at(const Uint4* x, i64 i) { return static_cast<float>(nibble_at(x, i)); }
DEVICE i64 value_at(const int* x, i64 i) { return x[i]; }
DEVICE i64 value_at(const unsigned* x, i64 i) { return x[i]; }

// A whole number of [low, limit).
template <i64 low, i64 limit, class V>
DEVICE i64 saturate(V value) {
  if (value != value) return 0;
  return value < static_cast<V>(low) ? low : value >= static_cast<V>(limit) ? limit - 1 : static_cast<i64>(value);
}
template <class V>
DEVICE void put(float* to, V value) {
  *to = static_cast<float>(value);
}
template <class V>
DEVICE void put(Half* to, V value) {
  store(to, static_cast<float>(value));
}
template <class V>
DEVICE void put(Bfloat* to, V value) {
  store(to, static_cast<float>(value));
}
template <class V>
DEVICE void put(i8* to, V value) {
  *to = static_cast<i8>(saturate<-128, 128>(value));
}
template <class V>
DEVICE void put(u8* to, V value) {
  *to = static_cast<u8>(saturate<0, 256>(value));
}
template <class V>
DEVICE void put(int* to, V value) {
  *to = static_cast<int>(saturate<-(i64{1} << 31), i64{1} << 31>(value));
}
template <class V>
DEVICE void put(unsigned* to, V value) {
  *to = static_cast<unsigned>(saturate<0, i64{1} << 32>(value));
}

// y[i] = value(i) for i < count. A thread per element, stepping by the grid; per byte where two elements share one.
template <class T, class F>
DEVICE void each(T* y, i64 count, F value) {
  for (i64 i = thread_of_grid(); i < count; i += threads_of_grid()) put(y + i, value(i));
}
template <class F>
DEVICE void each(Int4* y, i64 count, F value) {
  each_nibble(y, count, [&](i64 i) { return static_cast<int>(saturate<-8, 8>(value(i))) & 15; });
}
template <class F>
DEVICE void each(Uint4* y, i64 count, F value) {
  each_nibble(y, count, [&](i64 i) { return static_cast<int>(saturate<0, 16>(value(i))); });
}
