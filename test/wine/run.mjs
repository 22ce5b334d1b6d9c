// node test/wine/run.mjs ARGS...: runs Windows' node with ARGS under Wine. Arguments that are absolute paths of this machine, or
// name a file below the working folder, become paths of drive Z:, so files that the program writes land on this machine.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { argv, cwd } from 'node:process'
import { fileURLToPath } from 'node:url'
import { compiled, environment, rig, windowsPath } from './rig.mjs'

/** Starts an X server without a screen for `use`, on a display number that is free. Without one, D3D12 finds no adapter. */
export async function withDisplay(use) {
  const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '640x480x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  try {
    const display = await new Promise((found, failed) => {
      server.on('error', (error) => failed(new Error(`Xvfb: ${error.message}: run node test/wine/setup.mjs`)))
      server.on('exit', (code) => failed(new Error(`Xvfb ended with ${code}`)))
      server.stdio[3].on('data', (data) => found(Number.parseInt(String(data), 10)))
    })
    return await use(display)
  } finally {
    server.kill()
  }
}

/** Runs Windows' node; resolves with its exit status. */
export const windowsNode = (args, options) => windowsProgram(join(rig, 'node.exe'), args, options)

/** Runs a program of Windows. Its output goes through files: it cannot write to a pipe of Unix. */
export function windowsProgram(program, args, { env = {}, minutes = 8 } = {}) {
  return withDisplay(async (display) => {
    const folder = mkdtempSync(join(tmpdir(), 'lophi-wine-'))
    const files = ['stdout', 'stderr'].map((name) => join(folder, name))
    const outputs = files.map((file) => openSync(file, 'w'))
    try {
      const status = await new Promise((ended, failed) => {
        const child = spawn('wine', [windowsPath(program), ...args], {
          env: { ...environment(display), ...env },
          stdio: ['ignore', ...outputs],
        })
        const timer = setTimeout(() => {
          child.kill('SIGKILL')
          failed(new Error(`Windows' node did not end within ${minutes} minutes`))
        }, minutes * 60_000)
        child.on('error', failed)
        child.on('close', () => clearTimeout(timer))
        child.on('exit', (code, signal) => ended(code ?? signal))
      })
      const [stdout, stderr] = files.map((file) => readFileSync(file, 'utf8'))
      return {
        status,
        stdout,
        stderr: stderr.replace(
          /^it looks like wine32.*\n|^multiarch needs.*\n|^execute the.*\n|^.*apt-get install wine32.*\n/gm,
          '',
        ),
      }
    } finally {
      outputs.forEach(closeSync)
      rmSync(folder, { recursive: true })
    }
  })
}

const outputs = new Set(['--out', '-o'])

function translate(argument, index, all) {
  const isFile = isAbsolute(argument) ? existsSync(argument) || existsSync(dirname(argument)) : existsSync(argument)
  return isFile || outputs.has(all[index - 1]) ? windowsPath(resolve(cwd(), argument)) : argument
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const cli = argv[2] === '--cli'
  const given = argv.slice(cli ? 3 : 2).map(translate)
  const args = cli ? [windowsPath(join(compiled, 'lib/cli/main.js')), ...given] : given
  const { status, stdout, stderr } = await windowsNode(args)
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  process.exitCode = typeof status === 'number' ? status : 1
}
