/** What Kubernetes says of a model and of its fields. */
export interface Description {
  readonly text?: string;
  of(field: string): string | undefined;
}

/** By the model's name in `api/schema.json`; a kind's list is there as `PodList`. */
export type Describe = (model: string) => Description;

type Table = Readonly<Record<string, readonly [string, Readonly<Record<string, string | undefined>>]>>;

export const describeNothing: Describe = () => ({ of: () => undefined });

/** Reads the texts: half a megabyte, which only those need who ask for OpenAPI documents. */
export async function loadDescriptions(): Promise<Describe> {
  const { descriptions } = await import('./descriptions-table.ts');
  return describeBy(descriptions as Table);
}

function describeBy(table: Table): Describe {
  const [, shared] = table[''] ?? ['', {}];
  return (model) => {
    const [text = '', fields = {}] = table[model] ?? [];
    return { ...(text ? { text } : {}), of: (field) => fields[field] ?? shared[field] };
  };
}
