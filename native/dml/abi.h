// Direct3D 12 and DirectML as this compiler has to call them. No other file includes their headers.
#pragma once
// Microsoft's ABI returns a struct of a method through a hidden pointer after `this`; mingw's GCC expects it before. With this,
// mingw's own headers declare the pointer; DirectML.h has one such method, see binding_properties().
#define WIDL_EXPLICIT_AGGREGATE_RETURNS
#include <d3d12.h>
#include <d3d12sdklayers.h>
#include <d3dcompiler.h>
#include <dxgi1_6.h>
#include <wrl/client.h>
#ifdef __MINGW32__
#define _Maybenull_  // not in mingw's sal.h
#endif
#define DML_TARGET_VERSION 0x6400
// after d3d12.h, which it includes
#include <DirectML.h>

#include <cstring>

#ifdef __MINGW32__
// GCC ignores DECLSPEC_UUID.
__CRT_UUID_DECL(IDMLDevice, 0x6dbd6437, 0x96fd, 0x423f, 0xa9, 0x8c, 0xae, 0x5e, 0x7c, 0x2a, 0x57, 0x3f)
__CRT_UUID_DECL(IDMLDevice1, 0xa0884f9a, 0xd2be, 0x4355, 0xaa, 0x5d, 0x59, 0x01, 0x28, 0x1a, 0xd1, 0xd2)
__CRT_UUID_DECL(IDMLOperator, 0x26caae7a, 0x3081, 0x4633, 0x95, 0x81, 0x22, 0x6f, 0xbe, 0x57, 0x69, 0x5d)
__CRT_UUID_DECL(IDMLCompiledOperator, 0x6b15e56a, 0xbf5c, 0x4902, 0x92, 0xd8, 0xda, 0x3a, 0x65, 0x0a, 0xfe, 0xa4)
__CRT_UUID_DECL(IDMLOperatorInitializer, 0x427c1113, 0x435c, 0x469c, 0x86, 0x76, 0x4d, 0x5d, 0xd0, 0x72, 0xf8, 0x13)
__CRT_UUID_DECL(IDMLBindingTable, 0x29c687dc, 0xde74, 0x4e3b, 0xab, 0x00, 0x11, 0x68, 0xf2, 0xfc, 0x3c, 0xfc)
__CRT_UUID_DECL(IDMLCommandRecorder, 0xe6857a76, 0x2e3e, 0x4fdd, 0xbf, 0xf4, 0x5d, 0x2b, 0xa1, 0x0f, 0xb4, 0x53)
#endif

namespace lophi::dml {

using Microsoft::WRL::ComPtr;

// IDMLDispatchable::GetBindingProperties, slot 8 of the table, which returns 24 bytes by value.
inline DML_BINDING_PROPERTIES binding_properties(IDMLDispatchable* dispatchable) {
#ifdef __MINGW32__
  using Method = DML_BINDING_PROPERTIES*(STDMETHODCALLTYPE*)(IDMLDispatchable*, DML_BINDING_PROPERTIES*);
  void** table;
  std::memcpy(&table, static_cast<void*>(dispatchable), sizeof table);
  DML_BINDING_PROPERTIES properties{};
  reinterpret_cast<Method>(table[8])(dispatchable, &properties);
  return properties;
#else
  return dispatchable->GetBindingProperties();
#endif
}

}  // namespace lophi::dml
