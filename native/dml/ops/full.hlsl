// Every element of y is one number. A thread per word of y; c2: elements, the number's bits as float32, where TYPE is whole as an element. Bound
// by memory.
// instances: TYPE<dtype>
RWByteAddressBuffer y : register(u0);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
#if TYPE <= BFLOAT16
  const uint bits = bits_of(asfloat(c2.y));
#else
  const uint bits = c2.y;
#endif
  Word word = word_of(group_index(group) * 256 + thread, starts0.x, c2.x);
  for (uint i = word.begin; i < word.end; ++i) put(word, i, bits);
  store(y, word);
}
