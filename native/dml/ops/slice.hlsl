// y = runs of x that lie together: run o begins at first + o * stride. A thread per word of y. c2: units of y, of a run, first, stride. Bound by
// memory.
// instances: BITS<4 8 16 32>
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  Word word = word_of(group_index(group) * 256 + thread, starts0.y, c2.x);
  for (uint i = word.begin; i < word.end; ++i)
    put(word, i, load_bits(x, starts0.x, c2.z + i / c2.y * c2.w + i % c2.y));
  store(y, word);
}
