/** Counters, gauges and histograms in the text form that Prometheus reads. */
export interface Metrics {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string): Gauge;
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  /** The exposition text, version 0.0.4. */
  text(): string;
}

/** `labels` is the inner text of a label set, `server="dns://:53",zone="."`: built once where a value is hot. */
export interface Counter {
  add(labels: string, by?: number): void;
}

export interface Gauge {
  set(labels: string, value: number): void;
}

export interface Histogram {
  observe(labels: string, value: number): void;
}

interface Family {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  lines(name: string): string[];
  instrument: Counter & Gauge & Histogram;
}

export function createMetrics(): Metrics {
  const families = new Map<string, Family>();

  function family(name: string, create: () => Family): Family['instrument'] {
    const known = families.get(name) ?? create();
    families.set(name, known);
    return known.instrument;
  }

  return {
    counter: (name, help) => family(name, () => values('counter', help)),
    gauge: (name, help) => family(name, () => values('gauge', help)),
    histogram: (name, help, buckets) => family(name, () => distribution(help, buckets)),
    text() {
      const lines: string[] = [];
      for (const [name, { type, help, lines: samples }] of [...families].sort(([a], [b]) => (a < b ? -1 : 1)))
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples(name));
      return `${lines.join('\n')}\n`;
    },
  };
}

/** A label set from its parts; values are escaped. */
export function labels(of: Record<string, string>): string {
  return Object.entries(of)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`)
    .join(',');
}

function values(type: 'counter' | 'gauge', help: string): Family {
  const samples = new Map<string, number>();
  return {
    type,
    help,
    instrument: {
      add: (labels, by = 1) => void samples.set(labels, (samples.get(labels) ?? 0) + by),
      set: (labels, value) => void samples.set(labels, value),
      observe: () => undefined,
    },
    lines: (name) => [...samples].map(([labels, value]) => `${name}${labels ? `{${labels}}` : ''} ${value}`),
  };
}

function distribution(help: string, buckets: readonly number[]): Family {
  const samples = new Map<string, { counts: number[]; sum: number; count: number }>();
  return {
    type: 'histogram',
    help,
    instrument: {
      add: () => undefined,
      set: () => undefined,
      observe(labels, value) {
        const sample = samples.get(labels) ?? { counts: buckets.map(() => 0), sum: 0, count: 0 };
        samples.set(labels, sample);
        const index = buckets.findIndex((bound) => value <= bound);
        if (index >= 0) sample.counts[index] = (sample.counts[index] ?? 0) + 1;
        sample.sum += value;
        sample.count++;
      },
    },
    lines: (name) =>
      [...samples].flatMap(([labels, { counts, sum, count }]) => {
        const separator = labels ? ',' : '';
        let below = 0;
        return [
          ...buckets.map((bound, i) => {
            below += counts[i] ?? 0;
            return `${name}_bucket{${labels}${separator}le="${bound}"} ${below}`;
          }),
          `${name}_bucket{${labels}${separator}le="+Inf"} ${count}`,
          `${name}_sum{${labels}} ${sum}`,
          `${name}_count{${labels}} ${count}`,
        ];
      }),
  };
}

/**
 * The sums of several exposition texts of the same program. What only says that something is so, with the value 1,
 * is not added up.
 */
export function addMetrics(texts: readonly string[]): string {
  const sums = new Map<string, number | undefined>();
  for (const text of texts)
    for (const line of text.split('\n')) {
      const at = line.lastIndexOf(' ');
      if (line === '' || line.startsWith('#')) {
        if (line !== '' && !sums.has(line)) sums.set(line, undefined);
        continue;
      }
      const name = line.slice(0, at);
      const isFact = /^coredns_(build_info|plugin_enabled)\{/.test(name);
      sums.set(name, isFact ? 1 : (sums.get(name) ?? 0) + Number(line.slice(at + 1)));
    }
  return `${[...sums].map(([line, sum]) => (sum === undefined ? line : `${line} ${sum}`)).join('\n')}\n`;
}
