// The int8 dot products of the instruction set that is compiled for.
#pragma once
#if defined(LOPHI_VNNI)
#include "cpu/isa_vnni.inl"
#else
#include "cpu/isa_madd.inl"
#endif
