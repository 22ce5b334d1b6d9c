/** Options that every command has. */
import type { Command } from 'commander'

export interface CommonFlags {
  readonly json?: true
  readonly device: string
}

/** `device`: what --device means for this command. */
export function addCommonOptions(command: Command, device: string): Command {
  return command
    .option('--json', 'print one JSON object (or one per line where output streams), nothing else, on stdout')
    .option('--device <id>', device, 'auto')
}

/** For commands that compute nothing: --device may stand there, so that one set of flags serves all commands. */
export const noDevice = 'decides among the variants of org/name; this command opens no device'
