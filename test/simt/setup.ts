import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// Gives the tests a CUDA device where none is: a fake driver that runs the kernels on the CPU. A driver named by the caller
// comes first, and on machines without the means the tests say what is missing.

export function setup(): void {
  if (process.env.LOPHI_CUDA_DRIVER !== undefined || process.platform !== 'linux') return
  const script = fileURLToPath(new URL('../../scripts/simt-driver.mjs', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
  if (status === 0) process.env.LOPHI_CUDA_DRIVER = stdout.trim()
  else console.warn(`no fake CUDA driver: ${stderr.trim()}`)
}
