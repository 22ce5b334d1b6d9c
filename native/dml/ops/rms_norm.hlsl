// y = x / sqrt(mean(x^2) + epsilon) * weight, in float32. A group per row. c2: rows, columns, epsilon. Bound by memory.
// instances: TYPE<dtype> WEIGHT_TYPE<float>
#include "group_sum.hlsli"

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer weight : register(u1);
RWByteAddressBuffer y : register(u2);

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint row = group_index(group), columns = c2.y, first = row * columns;
  if (row >= c2.x) return;
  float squares = 0;
  uint i;
  for (i = thread; i < columns; i += THREADS) {
    const float value = load_number(x, starts0.x, first + i);
    squares += value * value;
  }
  const float scale = 1 / sqrt(group_sum(squares, thread) / columns + asfloat(c2.z));
  const uint start = starts0.z + first * (BITS / 8);
  for (uint w = thread; w <= columns * BITS / 32; w += THREADS) {
    Word word = word_of(w, start, columns);
    for (i = word.begin; i < word.end; ++i) {
      const float factor = load_float(weight, starts0.y, i, WEIGHT_TYPE);
      put(word, i, bits_of(load_number(x, starts0.x, first + i) * scale * factor));
    }
    store(y, word);
  }
}
