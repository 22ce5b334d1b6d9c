import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { env, execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { listDevices } from '../../lib/index.js'
import { temporaryFolder } from '../support/shared.js'

// Ops need Direct3D 12 and the package's own shaders. DirectML is opened where something asks for it, and may be absent or old.

const { devices, absent } = await listDevices()
const [device] = devices.filter(({ id }) => id === 'dml:0')
if (!device) console.warn(`DirectML is not tested: ${absent.find(({ backend }) => backend === 'dml')?.reason}`)

const built = new URL(import.meta.url.endsWith('.ts') ? '../../dist/index.js' : '../../lib/index.js', import.meta.url)
const given = env.LOPHI_DIRECTML_DLL ?? ''

/** What a process of its own prints: the device's details, and a root mean square norm or its error. */
function norm(changed: Record<string, string>) {
  const script = `const { listDevices, openDevice, ops } = await import(${JSON.stringify(built.href)})
    const { devices, absent } = await listDevices()
    const { details } = devices.find(({ id }) => id === 'dml:0')
    const device = await openDevice('dml:0')
    const x = device.tensor(Float32Array.from({ length: 3 * 33 }, (_, i) => Math.sin(i)), [3, 33])
    const weight = device.tensor(Float32Array.from({ length: 33 }, (_, i) => 1 + i / 33), [33])
    try {
      const y = [...await ops.rmsNorm({ x, weight }).read()]
      console.log(JSON.stringify({ details, absent, y }))
    } catch ({ code, message }) {
      console.log(JSON.stringify({ details, absent, code, message }))
    }`
  const { stdout, stderr } = spawnSync(execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...env, NODE_OPTIONS: '', ...changed },
  })
  if (!stdout.startsWith('{')) throw new Error(`${stdout}${stderr}`)
  return JSON.parse(stdout)
}

describe.runIf(device)('DirectML on dml:0', () => {
  const there = device && !device.details.directml?.startsWith('none')

  test('the device tells its adapter, and the DLL with its version and feature level or why there is none', () => {
    expect(device!.details).toMatchObject({
      luid: expect.stringMatching(/^[0-9a-f]{8}:[0-9a-f]{8}$/),
      driver: expect.any(String),
    })
    if (there)
      expect(device!.details).toMatchObject({
        directml: given,
        directmlVersion: expect.stringMatching(/^1\.\d+\.\d+\.\d+$/),
        featureLevel: '6.4',
      })
    expect(absent.map(({ backend }) => backend)).not.toContain('dml')
  })

  test('an absent DLL is named, nothing else is tried, and ops run', () => {
    const wrong = 'Z:\\nowhere\\DirectML.dll'
    const { details, y } = norm({ LOPHI_DIRECTML_DLL: wrong })
    expect(details.directml).toMatch(/^none: Z:\\nowhere\\DirectML\.dll: /)
    expect(y).toEqual(norm({}).y)
  })

  test('what needs DirectML says so where there is none', () => {
    expect(norm({ LOPHI_DIRECTML_DLL: 'Z:\\nowhere\\DirectML.dll', LOPHI_DIRECTML_GRAPHS: '1' })).toMatchObject({
      code: 'ERR_OP_UNSUPPORTED',
      message: expect.stringMatching(/^rmsNorm with LOPHI_DIRECTML_GRAPHS on dml:0 needs DirectML: Z:\\nowhere/),
    })
  })

  test.runIf(there)('its graph of rmsNorm gives what the shader gives', () => {
    const own = norm({}).y as number[]
    const graph = norm({ LOPHI_DIRECTML_GRAPHS: '1' }).y as number[]
    expect(graph).not.toBeUndefined()
    for (const [i, value] of graph.entries()) expect(Math.abs(value - own[i]!)).toBeLessThan(2e-6)
  })

  test.runIf(there)('that of an installed onnxruntime-node is found where none is named', async () => {
    const folder = await temporaryFolder()
    const binaries = join(folder, 'package/build/Release')
    const found = join(folder, 'node_modules/onnxruntime-node/bin/napi-v6/win32/x64/DirectML.dll')
    for (const path of [binaries, dirname(found)]) mkdirSync(path, { recursive: true })
    copyFileSync(given, found)
    const own = fileURLToPath(new URL('../build/Release/', built))
    for (const name of ['lophi.node', 'd3dcompiler_47.dll']) copyFileSync(join(own, name), join(binaries, name))
    const { details } = norm({ LOPHI_DIRECTML_DLL: '', LOPHI_PREBUILD: join(folder, 'package') })
    expect(details.directml).toBe(found)
  })
})
