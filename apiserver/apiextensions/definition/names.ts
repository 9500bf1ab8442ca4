import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '../../../api/types.ts';

/** What a kind may be called, and the condition NamesAccepted that tells. */
export interface NamesDecision {
  acceptedNames: CustomResourceDefinitionNames;
  condition: CustomResourceDefinitionCondition;
}

/**
 * Gives a definition the names it asks for that no other of its group has. Upstream:
 * `pkg/controller/status/naming_controller.go`.
 *
 * @param others of the same group
 */
export function decideNames(
  { spec, status }: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): NamesDecision {
  const taken = others.flatMap((other) => other.status?.acceptedNames ?? []);
  const resources = new Set(
    taken.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...(shortNames ?? [])]),
  );
  const kinds = new Set(taken.flatMap(({ kind, listKind }) => [kind, listKind]));
  const wanted = spec.names;
  const before = status?.acceptedNames ?? { plural: '', kind: '' };
  const accepted = { ...before };
  let conflict: { reason: string; message: string } | undefined;

  function claim(
    name: 'plural' | 'singular' | 'kind' | 'listKind',
    used: ReadonlySet<string | undefined>,
    reason: string,
  ) {
    const asked = wanted[name] ?? '';
    if (asked !== (before[name] ?? '') && used.has(asked)) {
      conflict = { reason, message: `${JSON.stringify(asked)} is already in use` };
    } else if (asked) accepted[name] = asked;
  }
  claim('plural', resources, 'PluralConflict');
  claim('singular', resources, 'SingularConflict');
  const shortNames = wanted.shortNames ?? [];
  const clashes = shortNames.filter((name) => !before.shortNames?.includes(name) && resources.has(name));
  if (clashes.length > 0) {
    const texts = clashes.map((name) => `${JSON.stringify(name)} is already in use`);
    conflict = {
      reason: 'ShortNamesConflict',
      message: texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`,
    };
  } else if (shortNames.length > 0) accepted.shortNames = shortNames;
  else delete accepted.shortNames;
  claim('kind', kinds, 'KindConflict');
  claim('listKind', kinds, 'ListKindConflict');
  if (wanted.categories) accepted.categories = wanted.categories;
  else delete accepted.categories;

  const condition = conflict
    ? { type: 'NamesAccepted', status: 'False', ...conflict }
    : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' };
  return { acceptedNames: accepted, condition };
}
