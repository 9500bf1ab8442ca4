import { expect, it } from 'vitest';
import { casesOf, skipReasons } from './report.ts';

it('takes what ran from a report, and leaves out what was not selected', () => {
  const xml = `<testsuite name="Kubernetes e2e suite" tests="2" failures="1" errors="0" time="8.1">
      <testcase name="[sig-network] DNS should &#34;work&#34;  [Conformance]" classname="Kubernetes e2e suite" time="6.1"></testcase>
      <testcase name="other" classname="Kubernetes e2e suite" time="0">
          <skipped></skipped>
      </testcase>
      <testcase name="skips itself" classname="Kubernetes e2e suite" time="0.02">
          <skipped></skipped>
      </testcase>
      <testcase name="fails" classname="Kubernetes e2e suite" time="2.06">
          <failure type="Failure">/src/test/e2e/framework/framework.go:629&#xA;Jan  2 01:48:20.472: wanted &lt;a&gt;&#xA;got b&#xA;/src/util.go:738</failure>
          <system-out>log</system-out>
      </testcase>
  </testsuite>`;
  expect(casesOf(xml)).toEqual([
    { name: '[sig-network] DNS should "work"  [Conformance]', outcome: 'passed' },
    { name: 'skips itself', outcome: 'skipped' },
    { name: 'fails', outcome: 'failed', reason: 'wanted <a> got b' },
  ]);
});

it('finds why tests skipped themselves in what was printed', () => {
  const log = `
S [SKIPPING] in Spec Setup (BeforeEach) [0.040 seconds]
[sig-network] Firewall rule
/src/test/e2e/network/framework.go:23
  should have correct rules [BeforeEach]
  /src/test/e2e/network/firewall.go:204

  Only supported for providers [gce] (not skeleton)

  /src/test/e2e/network/firewall.go:60
------------------------------
`;
  const reasons = skipReasons(log);
  expect(reasons.get('[sig-network] Firewall rule should have correct rules')).toBe(
    'Only supported for providers [gce] (not skeleton)',
  );
});
