// y = slices of x along an axis, in the order of indices. One thread per element; c2: elements of y, indices, size of the axis, elements
// behind it. An index outside of the axis is reported, and its slice is zeros.
// instances: TYPE<number>
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer indices : register(u1);
RWByteAddressBuffer y : register(u2);

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint i = group_index(group) * 256 + thread, count = c2.y, size = c2.z, inner = c2.w;
  if (i >= c2.x) return;
  const uint at = i / inner % count, outer = i / inner / count;
  const int index = asint(indices.Load(at * 4));
  const bool known = index >= 0 && (uint)index < size;
  if (!known) report(FAULT_INDEX, 1, at, index, size);
  // `?:` reads both of its sides
  const uint from = (outer * size + (known ? index : 0)) * inner + i % inner;
#if TYPE == FLOAT16 || TYPE == BFLOAT16
  store_float(y, starts0.z, i, TYPE, known ? load_float(x, starts0.x, from, TYPE) : 0);
#else
  y.Store(i * 4, known ? x.Load(from * 4) : 0);
#endif
}
