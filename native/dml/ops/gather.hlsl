// y = slices of x along an axis, in the order of indices. A thread per word of y, and per index. c2: units of y, indices, size of the axis,
// units behind it. An index outside of the axis is reported, and its slice is zeros. Bound by memory.
// instances: BITS<4 8 16 32>
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer indices : register(u1);
RWByteAddressBuffer y : register(u2);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint number_of_thread = group_index(group) * 256 + thread, count = c2.y, size = c2.z, inner = c2.w;
  if (number_of_thread < count) {
    const int index = asint(indices.Load(number_of_thread * 4));
    if (index < 0 || (uint)index >= size) report(FAULT_INDEX, 1, number_of_thread, index, size);
  }
  Word word = word_of(number_of_thread, starts0.z, c2.x);
  for (uint i = word.begin; i < word.end; ++i) {
    const uint index = indices.Load(i / inner % count * 4);
    uint bits = 0;
    if (index < size) bits = load_bits(x, starts0.x, (i / inner / count * size + index) * inner + i % inner);
    put(word, i, bits);
  }
  store(y, word);
}
