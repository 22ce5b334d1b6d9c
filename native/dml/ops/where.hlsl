// y = a where condition is not 0, else b; operands stretched along axes of size 1. A thread per word of y; c2, c3: shape; c4: elements, axes
// of condition, a and b. Bound by memory.
// instances: BITS<16 32>
#include "broadcast.hlsli"

RWByteAddressBuffer condition : register(u0);
RWByteAddressBuffer a : register(u1);
RWByteAddressBuffer b : register(u2);
RWByteAddressBuffer y : register(u3);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  Word word = word_of(group_index(group) * 256 + thread, starts0.w, c4.x);
  for (uint i = word.begin; i < word.end; ++i) {
    if (load_byte(condition, starts0.x + locate(i, c4.y)))
      put(word, i, load_bits(a, starts0.y, locate(i, c4.z)));
    else
      put(word, i, load_bits(b, starts0.z, locate(i, c4.w)));
  }
  store(y, word);
}
