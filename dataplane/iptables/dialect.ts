import type { Row } from '../model/model.ts';
import { articleDialect } from './article.ts';
import type { RuleContext } from './context.ts';
import { overallTables } from './overall.ts';
import type { SharedLines, Table, TableName } from './rules.ts';
import { type ServiceRules, serviceRules } from './service.ts';
import { type EmulatedVersion, emulatedVersions } from './versions.ts';

/** How one release of kube-proxy lays out its rules. */
export interface Dialect {
  /** Everything that one Service port needs. */
  serviceRules(row: Row, context: RuleContext): ServiceRules;
  /** Everything else, around the lines that the Services share chains for. */
  overallTables(shared: SharedLines, context: RuleContext): Readonly<Record<TableName, Table>>;
}

const today: Dialect = { serviceRules, overallTables };
const articles = articleDialect({ comments: false });

const dialects: Readonly<Record<EmulatedVersion, Dialect>> = {
  '1.33': today,
  '1.13': articles,
  '1.12': articles,
  '1.11': articles,
  '1.10': articleDialect({ comments: true }),
};

/** `1.33` when nothing is said. Throws a RangeError for a release that cannot be emulated. */
export function dialectOf(version: string = emulatedVersions[0]): Dialect {
  const known = emulatedVersions.find((one) => one === version.replace(/^v/, ''));
  if (!known)
    throw new RangeError(
      `emulated version ${JSON.stringify(version)} is none of ${emulatedVersions.join(', ')}`,
    );
  return dialects[known];
}

/** Every one of them, once. */
export const allDialects: readonly Dialect[] = [...new Set(Object.values(dialects))];
