/** `portcullis.dev/v1` PrincipalGroup. The groups it names are resolved when all are read (groups.ts). */
import { claimPath } from '../attribute-key.ts';
import { asMap } from '../parse/expect.ts';
import type { StringNode } from '../parse/expect.ts';
import { keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { PrincipalGroup } from '../model.ts';
import type { PolicyObject } from '../parse/objects.ts';
import { checkPrincipal } from '../validate/principal.ts';
import type { Context } from '../validate/value-check.ts';
import { fieldOf, listField, stringField, stringsField } from './fields.ts';

/** A group whose nested names are still as written, each with its place. */
export interface ReadGroup {
  readonly group: Omit<PrincipalGroup, 'groups'>;
  readonly nested: readonly StringNode[];
}

export function readPrincipalGroup(object: PolicyObject, context: Context): ReadGroup | null {
  const { report } = context;
  const specNode = fieldOf(object.map, 'spec');
  const spec = specNode === undefined ? null : asMap(specNode, report);
  if (spec === null) return null;
  const spiffeIds = stringsField(spec, 'spiffeIds', report) ?? [];
  for (const id of spiffeIds) checkPrincipal(id, context);
  const group = {
    namespace: object.namespace,
    name: object.name,
    spiffeIds: spiffeIds.map((id) => id.value),
    subjects: readSubjects(spec, context),
    claims: readClaims(spec, context),
    position: positionOf(object.map),
  };
  const nested = stringsField(spec, 'groups', report) ?? [];
  if (spec.entries.length === 0) {
    report.error(
      'empty-group',
      positionOf(spec),
      `the group \`${object.name}\` has no members`,
      'a group without members matches nobody: give it some, or remove it',
    );
  }
  return { group, nested };
}

function readSubjects(spec: MapNode, { report }: Context): PrincipalGroup['subjects'] {
  const entries: { issuer: string; subjects: string[] }[] = [];
  for (const item of listField(spec, 'subjects', report)?.items ?? []) {
    const map = asMap(item, report);
    if (map === null) continue;
    const issuer = stringField(map, 'issuer', report)?.value ?? '';
    const subjects = stringsField(map, 'subjects', report) ?? [];
    entries.push({ issuer, subjects: subjects.map((text) => text.value) });
  }
  return entries;
}

function readClaims(spec: MapNode, { report }: Context): PrincipalGroup['claims'] {
  const entries: { issuer: string; path: readonly string[]; values: string[] }[] = [];
  for (const item of listField(spec, 'claims', report)?.items ?? []) {
    const map = asMap(item, report);
    if (map === null) continue;
    const issuer = stringField(map, 'issuer', report)?.value ?? '';
    const claim = stringField(map, 'claim', report)?.value ?? '';
    const path = claim.startsWith('[') ? strictClaimPath(claim) : /[[\]]/.test(claim) ? null : [claim];
    if (path === null) {
      report.error(
        'bad-claim',
        keyPlace(map, 'claim'),
        `\`${claim}\` is not the name of a claim`,
        'write `groups`, or `[realm_access][roles]` for a nested claim',
      );
    }
    const values = stringsField(map, 'values', report) ?? [];
    entries.push({ issuer, path: path ?? [], values: values.map((text) => text.value) });
  }
  return entries;
}

/** Here uneven brackets are a slip, not a name. */
function strictClaimPath(text: string): readonly string[] | null {
  return /^(\[[^[\]]+\])+$/.test(text) ? claimPath(text) : null;
}
