import { type Command, InvalidArgumentError, Option } from 'commander';

/** Sets the exit code of a command that ended without an error of its own. */
export type Finish = (exitCode: number) => void;

/** What a command file exports: adds itself to the program. */
export type Register = (program: Command, finish: Finish) => void;

/** Which cluster a command is about. */
export const nameOption = () => new Option('--name <name>', 'name of the cluster').default('v9s');

/** Upstream's programs in the place of ours; may be given several times. */
export const programOption = () =>
  new Option(
    '--program <name=file>',
    "runs upstream's kube-apiserver, kube-controller-manager, kube-scheduler or kube-proxy in the place of ours; NAME=none nobody",
  ).argParser((text: string, before: readonly string[] = []) => [...before, text]);

/** For options that take a whole number. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
