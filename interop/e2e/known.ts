import type { Case } from '../part.ts';

/** Why a test of upstream's cannot pass here, by a pattern of its name. */
const reasons: readonly { readonly tests: RegExp; readonly reason: string }[] = [
  {
    tests: /read only busybox container should not write to root filesystem/,
    reason:
      "wants busybox's own words for a read-only file system; the image busybox has the host's shell, which says the same in others",
  },
];

const always = [
  {
    what: '--e2e-verify-service-account=false',
    reason:
      'the suite of 1.20 waits for a token Secret of every ServiceAccount before each test; no release since 1.24 makes them, nor does this one',
  },
];

/** The reasons of those that failed and are known to, and what else is not as the suite has it. */
export function knownReasons(cases: readonly Case[]): { what: string; reason: string }[] {
  const failed = cases
    .filter(({ outcome }) => outcome === 'failed')
    .flatMap(({ name }) => {
      const known = reasons.find(({ tests }) => tests.test(name));
      return known ? [{ what: name, reason: known.reason }] : [];
    });
  return [...failed, ...always];
}
