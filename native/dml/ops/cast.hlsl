// y = x in another dtype. A thread per word of y. c2: elements, dtype of x. Bound by memory.
// instances: TYPE<dtype>
#include "value.hlsli"

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  Word word = word_of(group_index(group) * 256 + thread, starts0.y, c2.x);
  for (uint i = word.begin; i < word.end; ++i) put(word, i, bits_of_value(load_value(x, starts0.x, i, c2.y)));
  store(y, word);
}
