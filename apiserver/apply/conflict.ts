import { type StatusError, statusError } from '../../api/status.ts';
import { elementText } from './element.ts';
import type { Path } from './fields.ts';
import { identityOf } from './managers.ts';
import type { Conflict } from './updater.ts';

/** `.spec.containers[name="web"].image` */
export function pathText(path: Path): string {
  return path.map(elementText).join('');
}

/** 409 in upstream's words. Upstream: `internal/conflict.go` `NewConflictError`. */
export function applyConflict(conflicts: readonly Conflict[]): StatusError {
  return statusError('Conflict', messageOf(conflicts), {
    causes: conflicts.map(({ manager, path }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${managerText(manager)}`,
      field: pathText(path),
    })),
  });
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [only] = conflicts;
  if (only && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${managerText(only.manager)}: ${pathText(only.path)}`;
  }
  const managers = [...new Set(conflicts.map(({ manager }) => manager))].sort();
  const lines = managers.flatMap((manager) => [
    `conflicts with ${managerText(manager)}:`,
    ...conflicts.filter((one) => one.manager === manager).map(({ path }) => `- ${pathText(path)}`),
  ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function managerText(id: string): string {
  const { manager = '', operation, apiVersion, subresource } = identityOf(id);
  const part = subresource ? ` with subresource ${JSON.stringify(subresource)}` : '';
  const version = operation === 'Update' ? ` using ${apiVersion}` : '';
  return `${JSON.stringify(manager)}${part}${version}`;
}
