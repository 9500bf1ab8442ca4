import { expect, test } from 'vitest';
import { casesOf, recordedIn } from './output.ts';

const script = `
  record_command run_pod_tests
    record_command run_secrets_test
    run_recursive_resources_tests
  record_command run_kubectl_diff_same_names
  record_command "run_\${pkg}_tests"
  record_command run_pod_tests
`;

test('the tests of a script', () => {
  expect(recordedIn(script)).toEqual([
    'run_pod_tests',
    'run_secrets_test',
    'run_recursive_resources_tests',
    'run_kubectl_diff_same_names',
  ]);
});

const output = `+++ Running case: test-cmd.record_command_canary 
+++ exit code: 1
+++ Running case: test-cmd.run_pod_tests 
pod/a created
+++ exit code: 0
+++ Running case: test-cmd.unrecorded_run_recursive_resources_tests 
FAIL!
has not:a
!!! [1122 01:37:59] Call tree:
+++ exit code: 1
`;

test('each has passed or says why not, and what never began has failed', () => {
  const cases = casesOf(output, ['run_pod_tests', 'run_recursive_resources_tests', 'run_wait_tests']);
  expect(cases).toEqual([
    { name: 'run_pod_tests', outcome: 'passed' },
    { name: 'run_recursive_resources_tests', outcome: 'failed', reason: 'FAIL! | has not:a' },
    { name: 'run_wait_tests', outcome: 'failed', reason: 'the run ended before it' },
    expect.objectContaining({ name: expect.stringContaining('between'), outcome: 'failed' }),
  ]);
  expect(casesOf(output, [])).toHaveLength(2);
  expect(casesOf(output, ['run_pod_tests']).at(-1)?.outcome).toBe('passed');
});
