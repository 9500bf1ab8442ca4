import { type Command, Option } from 'commander';

/** Flags of kubeadm that have no meaning here, and why: a line that somebody copied goes on as it is. */
export type IgnoredOptions = Readonly<Record<string, string>>;

/** Takes them, without a word in the help. */
export function ignoredOptions(command: Command, ignored: IgnoredOptions): void {
  for (const flags of Object.keys(ignored)) command.addOption(new Option(flags).hideHelp());
}

/** Says on standard error which of them were given. */
export function noteIgnored(command: Command, ignored: IgnoredOptions): void {
  for (const [flags, why] of Object.entries(ignored)) {
    const option = command.options.find((each) => each.flags === flags);
    if (option && command.getOptionValueSource(option.attributeName()) === 'cli')
      process.stderr.write(`${option.long} is ignored: ${why}\n`);
  }
}
