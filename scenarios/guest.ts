import { join } from 'node:path';
import { packageRoot } from '../kernel/package-root.ts';
import { runInGuest } from '../lab/guest/guest.ts';
import { ensureGuestKernel } from '../lab/guest/packages.ts';
import { replay } from './lines.ts';
import type { Report } from './report.ts';

/**
 * Plays a scenario in a guest kernel, and tells its steps and checks as a part of this report. A guest that ends
 * early is a check that failed.
 *
 * @throws `GuestUnavailable` with what to do where there is no guest kernel
 */
export async function playInGuest(
  name: string,
  { nodes, verbose, programs = [] }: { nodes?: number; verbose?: boolean; programs?: readonly string[] },
  report: Report,
): Promise<void> {
  await report.progress('getting the guest kernel', ensureGuestKernel());
  const flags = [
    ...(nodes === undefined ? [] : ['--nodes', String(nodes)]),
    ...(verbose ? ['-v'] : []),
    ...programs.flatMap((one) => ['--program', one]),
  ];
  const command = [join(packageRoot, 'dist/v9s.js'), 'scenario', name, '--lines', ...flags];
  const before = report.failures.length;
  const story = replay(report);
  let speak: () => void = () => undefined;
  const spoken = new Promise<void>((resolve) => {
    speak = resolve;
  });
  const playing = runInGuest([process.execPath, ...command], {
    memory,
    output: 'capture',
    onOutput(chunk) {
      speak();
      void booted.then(() => story.take(chunk));
    },
  });
  // How it ends is told below.
  const ended = playing.then(speak, speak);
  const booted = report.progress('booting the guest kernel', Promise.race([spoken, ended]));
  const { exitCode, stderr } = await playing;
  await booted;
  await story.told();
  const told = report.failures.length > before;
  if (exitCode !== (told ? 1 : 0))
    report.check('the guest plays it to its end', false, `exit code ${exitCode}: ${stderr.trim()}`);
}

/** Taken only as far as it is used: a cluster of two nodes and some pods needs half of it. */
const memory = '2G';
