import { parseArgs } from 'node:util';
import { GuestUnavailable, runInGuest } from '../../lab/guest/guest.ts';
import { runInQemu } from '../../lab/guest/qemu.ts';

const usage = `usage: npm run guest -- [--qemu] [--memory 1G] COMMAND [ARGUMENT...]

Runs a command in a guest kernel (User-mode Linux) that has IPVS, dummy devices and SCTP, with this
machine's files and an empty network of its own. With --qemu in Debian's own kernel under QEMU, slower,
which has nf_tables too. See docs/guest-kernel.md.
`;

/** `npm run guest`: the command's exit code becomes ours. */
async function main(args: readonly string[]): Promise<number> {
  // Options end at the first word of the command, whose own options are none of ours.
  const first = args.findIndex((word, i) => !word.startsWith('-') && args[i - 1] !== '--memory');
  const { values } = parseArgs({
    args: args.slice(0, first < 0 ? args.length : first),
    options: { qemu: { type: 'boolean' }, memory: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help || first < 0) {
    process.stderr.write(usage);
    return values.help ? 0 : 2;
  }
  const { memory, qemu } = values;
  const { exitCode } = await (qemu ? runInQemu : runInGuest)(
    args.slice(first),
    memory === undefined ? {} : { memory },
  );
  return exitCode;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof GuestUnavailable) && !(error instanceof TypeError)) throw error;
  process.stderr.write(`v9s: ${error.message}\n`);
  process.exitCode = 1;
}
