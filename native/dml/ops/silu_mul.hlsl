// y = silu(gate) * up, the halves of a row of x. A thread per word of y; c2: elements, columns of y. Bound by memory.
// instances: TYPE<dtype>
#include "elementary.hlsli"

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  Word word = word_of(group_index(group) * 256 + thread, starts0.y, c2.x);
  for (uint i = word.begin; i < word.end; ++i) {
    const uint gate = i / c2.y * 2 * c2.y + i % c2.y;
    const float z = load_number(x, starts0.x, gate);
    put(word, i, bits_of(z / (1 + exponential(-z)) * load_number(x, starts0.x, gate + c2.y)));
  }
  store(y, word);
}
