import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { recordReport, replay } from './lines.ts';
import { createReport, type Report } from './report.ts';

function collector(): { out: Writable; text(): string } {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { out, text: () => Buffer.concat(chunks).toString() };
}

async function story(report: Report): Promise<void> {
  report.step('A step');
  report.command('worker', 'ipvsadm -L -n');
  report.output('one\ntwo\nthree', undefined);
  report.output('a\nb\nc\n', 2);
  report.note('Well known: “服务”.');
  report.check('it holds', true);
  report.check('three pods', false, 'two');
  report.check('so far', false);
  report.row('ipvs', { rules: '3' });
  report.trace('ip link show');
  expect(await report.progress('waiting', Promise.resolve(7))).toBe(7);
}

describe('recordReport and replay', () => {
  it('tell the same story by way of lines, wherever these are cut', async () => {
    const direct = collector();
    const expected = createReport(direct.out, true);
    await story(expected);

    const lines = collector();
    const recorded = recordReport(lines.out, true);
    await story(recorded);
    expect(recorded).toMatchObject({ checks: 3 });
    expect(recorded.failures).toHaveLength(2);

    const again = collector();
    const replayed = createReport(again.out, true);
    const { take, told } = replay(replayed);
    for (const byte of Buffer.from(lines.text())) take(Uint8Array.of(byte));
    await told();
    expect(again.text()).toBe(direct.text());
    expect(replayed).toMatchObject({ checks: 3, failures: expected.failures });
  });

  it('show what is no line of a story, and end what was under way', async () => {
    const shown = collector();
    const { take, told } = replay(createReport(shown.out));
    take(Buffer.from('["begin","waiting"]\nSegmentation fault\n'));
    await told();
    expect(shown.text()).toBe('   Segmentation fault\n');
  });
});
