import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { CommandError, type Kernel } from '../../../kernel/run.ts';
import { isObject } from './config.ts';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

/** Codes of the specification that a caller may act on; plugins' own begin at 100. */
export const errorCodes = { tryAgainLater: 11, notAvailable: 50, limitedConnectivity: 51 } as const;

/** A plugin that refused, or was no plugin. */
export class CniError extends Error {
  /** Undefined when it ended without saying why in the words of the specification. */
  readonly code: number | undefined;

  constructor(plugin: string, command: CniCommand, message: string, code?: number) {
    super(`plugin type="${plugin}" failed (${command.toLowerCase()}): ${message}`);
    this.name = 'CniError';
    this.code = code;
  }
}

/** What a plugin is told besides its configuration. */
export interface CniArguments {
  containerId?: string;
  /** Path of the network namespace; absent where it is gone. */
  netns?: string;
  ifname?: string;
  /** `K=V;…`. */
  args?: string;
}

/** Where plugins are found: folders, in order. */
export interface Plugins {
  kernel: Kernel;
  path: readonly string[];
}

/**
 * Runs a plugin: parameters by environment, configuration by standard input, the answer from standard output;
 * undefined where there is none. Throws {@link CniError}. Source: CNI specification 1.1, section 2.
 */
export async function runPlugin(
  { kernel, path }: Plugins,
  type: string,
  command: CniCommand,
  config: Record<string, unknown>,
  { containerId = '', netns = '', ifname = '', args = '' }: CniArguments = {},
): Promise<Record<string, unknown> | undefined> {
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_ARGS: args,
    CNI_PATH: path.join(':'),
  };
  try {
    const { stdout } = await kernel.run(findPlugin(type, command, path), [], {
      env,
      input: JSON.stringify(config),
    });
    return answerOf(stdout);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new CniError(type, command, `its answer is not JSON: ${error.message}`);
    if (error instanceof CommandError) throw refusal(type, command, error);
    throw error;
  }
}

function findPlugin(type: string, command: CniCommand, path: readonly string[]): string {
  const found = path.map((folder) => join(folder, type)).find(isExecutable);
  if (found) return found;
  throw new CniError(
    type,
    command,
    `failed to find plugin "${type}" in path [${path.join(' ')}]; install containernetworking-plugins, or name its folder with --cni-bin`,
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // Not there, or not to be run: the next folder may have it.
  }
}

function answerOf(stdout: string): Record<string, unknown> | undefined {
  if (!stdout.trim()) return undefined;
  const answer: unknown = JSON.parse(stdout);
  return isObject(answer) ? answer : undefined;
}

/** The error a plugin prints, else what it wrote to standard error. */
function refusal(type: string, command: CniCommand, { stdout, stderr, message }: CommandError): CniError {
  let answer: Record<string, unknown> | undefined;
  try {
    answer = answerOf(stdout);
  } catch {
    answer = undefined; // It failed without the words of the specification; standard error says more.
  }
  if (typeof answer?.code !== 'number')
    return new CniError(type, command, stderr.trim() || stdout.trim() || message);
  const details = typeof answer.details === 'string' && answer.details ? `; ${answer.details}` : '';
  return new CniError(type, command, `${answer.msg}${details}`, answer.code);
}
