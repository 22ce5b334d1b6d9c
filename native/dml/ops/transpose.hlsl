// y = x with its axes in another order. A thread per word of y. c2, c3: shape of y, its last axis in c3.w; c4, c5: their strides in x; c6.x: units.
// Bound by memory.
// instances: BITS<4 8 16 32>
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

uint source_of(uint i) {
  uint at = 0;
#define AXIS(dim, stride)     \
  if (dim != 1) {             \
    at += i % dim * stride;   \
    i /= dim;                 \
  }
  AXIS(c3.w, c5.w)
  AXIS(c3.z, c5.z)
  AXIS(c3.y, c5.y)
  AXIS(c3.x, c5.x)
  AXIS(c2.w, c4.w)
  AXIS(c2.z, c4.z)
  AXIS(c2.y, c4.y)
  AXIS(c2.x, c4.x)
  return at;
}

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  Word word = word_of(group_index(group) * 256 + thread, starts0.y, c6.x);
  for (uint i = word.begin; i < word.end; ++i) put(word, i, load_bits(x, starts0.x, source_of(i)));
  store(y, word);
}
