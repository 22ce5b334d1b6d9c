// y = x in float16, rounded to nearest even, which DirectML leaves to the driver. One thread per element; c2.x: elements.
// instances: once
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer y : register(u1);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint i = group_index(group) * 256 + thread;
  if (i < c2.x) store_float(y, starts0.y, i, FLOAT16, asfloat(x.Load(i * 4)));
}
