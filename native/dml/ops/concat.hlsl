// x is one operand of several: y[first + i / run * stride + i % run] = x[i]. A thread per unit of x. c2: units of x, of a run, first, stride.
// Bound by memory.
// instances: BITS<4 8 16 32>
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint i = group_index(group) * 256 + thread;
  if (i < c2.x) store_one(y, starts0.y, c2.z + i / c2.y * c2.w + i % c2.y, load_bits(x, starts0.x, i));
}
