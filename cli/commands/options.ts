import { type Command, InvalidArgumentError, Option } from 'commander';

/** Sets the exit code of a command that ended without an error of its own. */
export type Finish = (exitCode: number) => void;

/** What a command file exports: adds itself to the program. */
export type Register = (program: Command, finish: Finish) => void;

/** Which cluster a command is about. */
export const nameOption = () => new Option('--name <name>', 'name of the cluster').default('v9s');

/** For options that take a whole number. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
