import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createReport, foldOutput, wrap } from './report.ts';

/** What a report prints when its output is not a terminal. */
function printed(tell: (report: ReturnType<typeof createReport>) => void): {
  text: string;
  failures: readonly string[];
} {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  const report = createReport(stream);
  tell(report);
  return { text: chunks.join(''), failures: report.failures };
}

describe('createReport', () => {
  it('is plain and within 80 columns when not a terminal', () => {
    const { text } = printed((report) => {
      report.title('demo', 'A sentence that goes on and on '.repeat(5));
      report.step('A step with a long name that does not fit in one line of eighty columns, not at all');
      report.command('worker', 'ip route');
      report.note(
        'A note that is rather long, too, so that it has to be broken somewhere before column eighty.',
      );
      report.check('it holds', true);
    });
    expect(text).not.toContain('\u001b');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text).toContain('   worker$ ip route\n');
    expect(text).toContain('   ✓ it holds\n');
  });

  it('remembers what failed, with what was found', () => {
    const { text, failures } = printed((report) => {
      report.check('fine', true, 'unused');
      report.check('three pods', false, 'two');
    });
    expect(failures).toEqual(['three pods; found: two']);
    expect(text).toContain('✗ three pods; found: two');
  });

  it('cuts long output', () => {
    const { text } = printed((report) => report.output('a\nb\nc\nd\n', 2));
    expect(text).toBe('   a\n   b\n   … and 2 lines more\n');
  });
});

it('wraps at blanks only', () => {
  expect(wrap('aa bb cc', 5)).toEqual(['aa bb', 'cc']);
  expect(wrap('a-very-long-word b', 5)).toEqual(['a-very-long-word', 'b']);
  expect(wrap('', 5)).toEqual([]);
});

describe('foldOutput', () => {
  it('leaves short lines alone', () => {
    expect(foldOutput('a b   c', 10)).toEqual(['a b   c']);
  });

  it("cuts a table's row and folds a rule", () => {
    expect(foldOutput('NAME   READY   STATUS   AGE', 20)).toEqual(['NAME   READY   STAT…']);
    expect(foldOutput('-A KUBE-SERVICES -d 10.0.0.1/32 -j KUBE-SVC', 30)).toEqual([
      '-A KUBE-SERVICES -d',
      '      10.0.0.1/32 -j KUBE-SVC',
    ]);
  });

  it('keeps the indentation of a document', () => {
    expect(foldOutput('    args: ["-c", "python -m SimpleHTTPServer"]', 30)).toEqual([
      '    args: ["-c", "python',
      '          -m',
      '          SimpleHTTPServer"]',
    ]);
  });
});
