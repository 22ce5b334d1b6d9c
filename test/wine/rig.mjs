// Where the Windows rig lies, and its environment: Windows' node under Wine, Direct3D 12 over a Vulkan driver on the CPU.
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
export const rig = join(root, 'build/wine')
export const prefix = join(rig, 'prefix')
/** The package as Windows' node sees it: compiled TypeScript of lib/ and test/, and the addon. */
export const compiled = join(rig, 'package')

/** Wine shows the host's files as drive Z:. */
export const windowsPath = (path) => `Z:${path.replaceAll('/', '\\')}`

export function environment(display) {
  const { NODE_EXTRA_CA_CERTS: _, NODE_OPTIONS: __, ...inherited } = process.env
  const folder = '/usr/share/vulkan/icd.d'
  const driver = readdirSync(folder).find((file) => /^lvp_icd.*json$/.test(file))
  if (!driver) throw new Error(`${folder} must hold lvp_icd*.json, but it does not: run node test/wine/setup.mjs`)
  return {
    ...inherited,
    WINEPREFIX: prefix,
    DISPLAY: `:${display}`,
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(),
    LANG: 'C.UTF-8',
    WINEDEBUG: process.env.WINEDEBUG ?? '-all',
    WINEDLLOVERRIDES: 'mscoree,mshtml=;winemenubuilder.exe,winedbg.exe=d',
    // dxgi without OpenGL; descriptor heaps in 0.3 ms instead of 0.7 s
    WINE_D3D_CONFIG: 'renderer=vulkan',
    VKD3D_CONFIG: 'virtual_heaps',
    // the older Vulkan loader reads the second
    VK_DRIVER_FILES: join(folder, driver),
    VK_ICD_FILENAMES: join(folder, driver),
    LOPHI_DIRECTML_DLL: process.env.LOPHI_DIRECTML_DLL ?? windowsPath(join(rig, 'DirectML.dll')),
  }
}
