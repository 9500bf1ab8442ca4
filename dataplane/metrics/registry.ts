/** Values of a metric's labels, in the order of its label names. */
type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(by?: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

/** A set of metrics, and their text. */
export interface Registry {
  counter(name: string, help: string): Counter;
  gauge(name: string, help: string): Gauge;
  /** `buckets` are upper bounds, ascending, without +Inf. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  /** Prometheus' text exposition format, version 0.0.4. Metrics without a sample are left out. */
  text(): string;
}

/** Content type of {@link Registry.text}. */
export const exposition = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/** Metrics of this process, a handful: no package is worth its loading time here. */
export function createRegistry(): Registry {
  const families = new Map<string, () => string>();
  const add = (name: string, help: string, type: string, samples: () => string[]) =>
    families.set(name, () => {
      const lines = samples();
      return lines.length === 0
        ? ''
        : `# HELP ${name} [ALPHA] ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`;
    });
  const scalar = (name: string, help: string, type: string) => {
    const values = new Map<string, number>();
    add(name, help, type, () => [...values].map(([labels, value]) => `${name}${braces(labels)} ${value}`));
    return values;
  };

  return {
    counter(name, help) {
      const values = scalar(name, help, 'counter');
      return {
        add(by = 1, labels = {}) {
          const key = labelText(labels);
          values.set(key, (values.get(key) ?? 0) + by);
        },
      };
    },
    gauge(name, help) {
      const values = scalar(name, help, 'gauge');
      return {
        set(value, labels = {}) {
          values.set(labelText(labels), value);
        },
      };
    },
    histogram(name, help, buckets) {
      const series = new Map<string, { counts: number[]; sum: number; count: number }>();
      add(name, help, 'histogram', () =>
        [...series].flatMap(([labels, { counts, sum, count }]) => {
          const at = (bound: string) => braces([labels, `le="${bound}"`].filter(Boolean).join(','));
          return [
            ...buckets.map((bound, i) => `${name}_bucket${at(String(bound))} ${counts[i] ?? 0}`),
            `${name}_bucket${at('+Inf')} ${count}`,
            `${name}_sum${braces(labels)} ${sum}`,
            `${name}_count${braces(labels)} ${count}`,
          ];
        }),
      );
      return {
        observe(value, labels = {}) {
          const key = labelText(labels);
          const one = series.get(key) ?? { counts: buckets.map(() => 0), sum: 0, count: 0 };
          series.set(key, one);
          one.sum += value;
          one.count++;
          for (const [i, bound] of buckets.entries())
            if (value <= bound) one.counts[i] = (one.counts[i] ?? 0) + 1;
        },
      };
    },
    text: () => [...families].map(([, render]) => render()).join(''),
  };
}

/** By name, with the three characters escaped that would end a value. */
function labelText(labels: Labels): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`)
    .join(',');
}

const braces = (labels: string) => (labels ? `{${labels}}` : '');
