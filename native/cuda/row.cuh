// Elements that lie side by side, as fast as one block can have them.
#pragma once
#include "cuda/common.cuh"

// What a word of memory holds of an element's type; of two halves the first lies low.
DEVICE float of_word(unsigned word, int, float) { return bits_to_float(word); }
DEVICE int of_word(unsigned word, int, int) { return static_cast<int>(word); }
DEVICE Half of_word(unsigned word, int half, Half) { return {static_cast<u16>(word >> half * 16)}; }
DEVICE Bfloat of_word(unsigned word, int half, Bfloat) { return {static_cast<u16>(word >> half * 16)}; }

// f(i, element) for this thread's elements of `count`, i rising. 64 bytes of each thread are on their way at once, in loads of 16 where
// the row lies so.
template <class T, class F>
DEVICE void each_of_row(const T* row, i64 count, F&& f) {
  constexpr int kOfWord = 4 / static_cast<int>(sizeof(T)), kOfVector = 4 * kOfWord, kAtOnce = 4;
  const i64 threads = blockDim.x, me = threadIdx.x;
  const i64 vectors = reinterpret_cast<u64>(row) % 16 == 0 ? count / kOfVector : 0;
  for (i64 first = me; first < vectors; first += kAtOnce * threads) {
    uint4 held[kAtOnce];
#pragma unroll
    for (int n = 0; n < kAtOnce; ++n)
      if (const i64 i = first + n * threads; i < vectors) held[n] = load128(row + i * kOfVector);
#pragma unroll
    for (int n = 0; n < kAtOnce; ++n) {
      const i64 i = first + n * threads;
      if (i >= vectors) break;
      const unsigned words[4] = {held[n].x, held[n].y, held[n].z, held[n].w};
#pragma unroll
      for (int word = 0; word < 4; ++word)
#pragma unroll
        for (int half = 0; half < kOfWord; ++half)
          f(i * kOfVector + word * kOfWord + half, of_word(words[word], half, T{}));
    }
  }
  constexpr int kFew = 8;
  for (i64 first = vectors * kOfVector + me; first < count; first += kFew * threads) {
    T held[kFew];
#pragma unroll
    for (int n = 0; n < kFew; ++n)
      if (const i64 i = first + n * threads; i < count) held[n] = row[i];
#pragma unroll
    for (int n = 0; n < kFew; ++n)
      if (const i64 i = first + n * threads; i < count) f(i, held[n]);
  }
}
