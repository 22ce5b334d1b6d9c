// y = (q - zero) * scale. A thread per word of y. c2: elements, columns, block, blocks of a row; c3.x: 1: there are zeros. Bound by memory.
// instances: TYPE<dtype>
RWByteAddressBuffer b : register(u0);
RWByteAddressBuffer scales : register(u1);
RWByteAddressBuffer y : register(u2);
RWByteAddressBuffer zeros : register(u3);

int nibble_at(RWByteAddressBuffer from, uint start, uint i) { return load_byte(from, start + i / 2) >> i % 2 * 4 & 15; }

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  Word word = word_of(group_index(group) * 256 + thread, starts0.z, c2.x);
  for (uint i = word.begin; i < word.end; ++i) {
    const uint row = i / c2.y, k = i % c2.y, in_row = k / c2.z, block = row * c2.w + in_row;
    const int q = nibble_at(b, starts0.x + block * (c2.z / 2), k % c2.z);
    int zero = 8;
    if (c3.x) zero = nibble_at(zeros, starts0.w + row * ((c2.w + 1) / 2), in_row);
    put(word, i, bits_of((q - zero) * load_number(scales, starts0.y, block)));
  }
  store(y, word);
}
