// y [T, K] = rows of one part of the table, dequantised. A thread per word of y, per element where columns are out of order; bound by memory.
// An id outside of the table is reported, and the token gets zeros; ids of other parts are left to them.
// c2: T, rows of the table, K, the part's first row; c3: its rows, columns of a scale, offset of the order; weights.hlsli.
// instances: made with weights
#include "weights.hlsli"
RWByteAddressBuffer ids : register(u0);
RWByteAddressBuffer y : register(u2);
#define FAULT_IDS 1  // operand

// Place `i % K` of token `i / K`; false where it is of another part.
bool look_up(uint i, out float value) {
  const uint t = i / c2.z, k = i % c2.z;
  const int id = asint(ids.Load(t * 4));
  value = 0;
  if (id < 0 || (uint)id >= c2.y) {
    report(FAULT_INDEX, FAULT_IDS, t, id, c2.y);
    return true;
  }
  const uint n = (uint)id - c2.w;
  if (n >= c3.x) return false;
  value = weight_at(n, k, affine_at(n, k / c3.y));
  return true;
}

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint index = group_index(group) * 256 + thread, count = c2.x * c2.z;
  float value;
#if ORDER
  if (index >= count || !look_up(index, value)) return;
  const uint k = index % c2.z;
  store_one(y, starts0.z, index - k + column_of(k), bits_of(value));
#else
  Word word = word_of(index, starts0.z, count);
  for (uint i = word.begin; i < word.end; ++i)
    if (look_up(i, value)) put(word, i, bits_of(value));
  store(y, word);
#endif
}
