// Rotates the first heads of each row by the angles of its position. A thread per element; that of the first element of a pair writes both, so
// that y may be x. A position outside of the table is reported, and the row is left as it is.
// c2: tokens, elements of a row, of a head, half of those that rotate; c3: elements of a row whose heads rotate, rows of the table.
// instances: TYPE<dtype>
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer cosines : register(u1);
RWByteAddressBuffer sines : register(u2);
RWByteAddressBuffer position : register(u3);
RWByteAddressBuffer y : register(u4);
#define FAULT_POSITION 3  // operand

[numthreads(256, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint at = group_index(group) * 256 + thread;
  if (at >= c2.x * c2.y) return;
  const uint t = at / c2.y, i = at % c2.y, within = i % c2.z, half_width = c2.w;
  const int where = asint(position.Load(t * 4));
  const bool known = where >= 0 && (uint)where < c3.y;
  if (!known) report(FAULT_INDEX, FAULT_POSITION, t, where, c3.y);
  const float u = load_number(x, starts0.x, at);
  if (!known || i >= c3.x || within >= 2 * half_width) {
    store_one(y, starts1.x, at, bits_of(u));
  } else if (within < half_width) {
    const float v = load_number(x, starts0.x, at + half_width);
    const uint angle = ((uint)where * half_width + within) * 4;
    const float cosine = asfloat(cosines.Load(angle)), sine = asfloat(sines.Load(angle));
    store_one(y, starts1.x, at, bits_of(u * cosine - v * sine));
    store_one(y, starts1.x, at + half_width, bits_of(v * cosine + u * sine));
  }
}
