/** Policy files → a validated {@link PolicySet}, or every problem that they have. */
import type { Diagnostic } from '../lib/diagnostic.ts';
import type { Policy, PolicySet, WorkloadEntry } from './model.ts';
import type { LanguageOptions } from './options.ts';
import { keyPlace, positionOf } from './parse/node.ts';
import { objectsOf } from './parse/objects.ts';
import type { Kind, PolicyObject } from './parse/objects.ts';
import { parseFile } from './parse/parse-file.ts';
import { readAccessPolicy } from './read/access-policy.ts';
import { readAuthorizationPolicy } from './read/authorization-policy.ts';
import { checkRuleGroups, resolveGroups } from './read/groups.ts';
import { readPrincipalGroup } from './read/principal-group.ts';
import type { ReadGroup } from './read/principal-group.ts';
import { readRequestAuthentication } from './read/request-authentication.ts';
import { readWorkloadEntry } from './read/workload-entry.ts';
import { compareReportOrder } from './report-order.ts';
import { Report } from './report.ts';
import { KIND_SCHEMAS } from './schema/kinds.ts';
import { checkStructure } from './schema/structure.ts';
import type { Context } from './validate/value-check.ts';

export interface PolicyFile {
  /** As diagnostics name it. */
  readonly path: string;
  readonly text: string;
}

export interface LoadedPolicies {
  /** null when any diagnostic is an error: a set is taken whole or not at all. */
  readonly set: PolicySet | null;
  /** Errors and notes, sorted by place. Warnings come from lint (lint/lint.ts). */
  readonly diagnostics: readonly Diagnostic[];
}

/** A set that holds only what surrounds policies decides nothing. */
const POLICY_KINDS: readonly Kind[] = ['AccessPolicy', 'AuthorizationPolicy'];

export function loadPolicySet(files: readonly PolicyFile[], options: LanguageOptions): LoadedPolicies {
  const report = new Report();
  const objects = files.flatMap((file) =>
    parseFile(file.path, file.text, report).flatMap((document) => objectsOf(document, report)),
  );
  const set = readObjects(objects, options, report);
  if (!options.allowEmpty && !report.hasErrors && !objects.some(({ kind }) => POLICY_KINDS.includes(kind))) {
    report.error(
      'no-policies',
      { file: files[0]?.path ?? '', line: 1, column: 1 },
      'there is no policy at all',
      'give policies, or set `allowEmpty: true` when serving without any is meant',
    );
  }
  return { set: report.hasErrors ? null : set, diagnostics: report.sorted() };
}

function readObjects(objects: readonly PolicyObject[], options: LanguageOptions, report: Report): PolicySet {
  const policies: Policy[] = [];
  const groups: ReadGroup[] = [];
  const workloads: WorkloadEntry[] = [];
  const seen = new Map<string, PolicyObject>();
  for (const object of objects) {
    checkStructure(KIND_SCHEMAS[object.kind], object.map, report);
    checkUnique(object, seen, report);
    const context: Context = {
      report,
      options,
      dialect: object.kind === 'AccessPolicy' || object.kind === 'PrincipalGroup' ? 'access' : 'istio',
      namespace: object.namespace,
      action: 'ALLOW',
    };
    switch (object.kind) {
      case 'AccessPolicy':
        pushSome(policies, readAccessPolicy(object, context));
        break;
      case 'AuthorizationPolicy':
        pushSome(policies, readAuthorizationPolicy(object, context));
        break;
      case 'PrincipalGroup':
        pushSome(groups, readPrincipalGroup(object, context));
        break;
      case 'RequestAuthentication':
        readRequestAuthentication(object, context);
        break;
      case 'WorkloadEntry':
        pushSome(workloads, readWorkloadEntry(object, context));
        break;
    }
  }
  const resolved = resolveGroups(groups, options, report);
  checkRuleGroups(policies, resolved, options, report);
  return { policies: policies.sort(compareReportOrder), groups: resolved, workloads };
}

function pushSome<T>(list: T[], value: T | null): void {
  if (value !== null) list.push(value);
}

function checkUnique(object: PolicyObject, seen: Map<string, PolicyObject>, report: Report): void {
  if (object.name === '' || object.namespace === '') return;
  const key = `${object.kind} ${object.namespace}/${object.name}`;
  const first = seen.get(key);
  if (first === undefined) {
    seen.set(key, object);
    return;
  }
  const { file, line, column } = positionOf(first.map);
  report.error(
    'duplicate-object',
    object.metadata === null ? positionOf(object.map) : keyPlace(object.metadata, 'name'),
    `the ${object.kind} \`${object.namespace}/${object.name}\` is already there, at ${file}:${line}:${column}`,
    'rename or remove one of the two',
  );
}
