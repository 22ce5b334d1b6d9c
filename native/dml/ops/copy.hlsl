// y = x, byte by byte of the same order. One thread per word of y; c2.x: bytes.
// instances: once
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint begin = starts0.y, end = begin + c2.x;
  const uint word = (group_index(group) * 256 + thread) * 4;
  if (word >= end) return;
  // bytes of this word that belong to y
  const uint first = max(word, begin), last = min(word + 4, end);
  uint value = 0, mask = 0;
  for (uint at = first; at < last; ++at) {
    const uint shift = (at - word) * 8;
    value |= load_byte(x, at - begin + starts0.x) << shift;
    mask |= 255u << shift;
  }
  if (mask == 0xffffffff)
    y.Store(word, value);
  else
    store_bits(y, word, mask, value);
}
