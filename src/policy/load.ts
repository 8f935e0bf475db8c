/** Policy files → a validated {@link PolicySet}, or every problem that they have. */
import { compareText } from '../lib/compare-text.ts';
import type { Diagnostic, Position } from '../lib/diagnostic.ts';
import type { Authentication } from './identity-model.ts';
import type { Policy, PolicySet, WorkloadEntry } from './model.ts';
import type { LanguageOptions } from './options.ts';
import { keyPlace, positionOf } from './parse/node.ts';
import { objectsOf } from './parse/objects.ts';
import type { Kind, PolicyObject } from './parse/objects.ts';
import { parseFile } from './parse/parse-file.ts';
import { readAccessPolicy } from './read/access-policy.ts';
import { readAuthorizationPolicy } from './read/authorization-policy.ts';
import { checkRuleGroups, resolveGroups } from './read/groups.ts';
import { checkDuplicateProviders } from './read/duplicate-providers.ts';
import { readIdentityProvider } from './read/identity-provider.ts';
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

const OWN_KINDS: readonly Kind[] = ['AccessPolicy', 'IdentityProvider', 'PrincipalGroup'];

export function loadPolicySet(files: readonly PolicyFile[], options: LanguageOptions): LoadedPolicies {
  const report = new Report();
  const reader = new ObjectReader(options, report);
  for (const { path, text } of files) {
    // File by file, so that the tree of one is gone before the next: those of 100,000 rules take hundreds of MiB.
    for (const document of parseFile(path, text, report)) {
      for (const object of objectsOf(document, report)) reader.read(object);
    }
  }
  const set = reader.finish();
  if (!options.allowEmpty && !report.hasErrors && !reader.sawPolicy) {
    report.error(
      'no-policies',
      { file: files[0]?.path ?? '', line: 1, column: 1 },
      'there is no policy at all',
      'give policies, or set `allowEmpty: true` when serving without any is meant',
    );
  }
  return { set: report.hasErrors ? null : set, diagnostics: report.sorted() };
}

class ObjectReader {
  readonly #options: LanguageOptions;
  readonly #report: Report;
  readonly #policies: Policy[] = [];
  readonly #groups: ReadGroup[] = [];
  readonly #workloads: WorkloadEntry[] = [];
  readonly #authentications: Authentication[] = [];
  /** Where the first object of each kind and name is. */
  readonly #seen = new Map<string, Position>();
  #sawPolicy = false;

  constructor(options: LanguageOptions, report: Report) {
    this.#options = options;
    this.#report = report;
  }

  /** There was an object of a kind that decides, whatever is wrong with it. */
  get sawPolicy(): boolean {
    return this.#sawPolicy;
  }

  read(object: PolicyObject): void {
    if (POLICY_KINDS.includes(object.kind)) this.#sawPolicy = true;
    checkStructure(KIND_SCHEMAS[object.kind], object.map, this.#report);
    this.#checkUnique(object);
    const context: Context = {
      report: this.#report,
      options: this.#options,
      dialect: OWN_KINDS.includes(object.kind) ? 'access' : 'istio',
      namespace: object.namespace,
      action: 'ALLOW',
    };
    switch (object.kind) {
      case 'AccessPolicy':
        pushSome(this.#policies, readAccessPolicy(object, context));
        break;
      case 'AuthorizationPolicy':
        pushSome(this.#policies, readAuthorizationPolicy(object, context));
        break;
      case 'IdentityProvider':
        pushSome(this.#authentications, readIdentityProvider(object, context));
        break;
      case 'PrincipalGroup':
        pushSome(this.#groups, readPrincipalGroup(object, context));
        break;
      case 'RequestAuthentication':
        pushSome(this.#authentications, readRequestAuthentication(object, context));
        break;
      case 'WorkloadEntry':
        pushSome(this.#workloads, readWorkloadEntry(object, context));
        break;
    }
  }

  /** Once all objects are read: what only the whole set can tell. */
  finish(): PolicySet {
    const groups = resolveGroups(this.#groups, this.#options, this.#report);
    checkRuleGroups(this.#policies, groups, this.#options, this.#report);
    const authentications = this.#authentications.sort(compareNames);
    checkDuplicateProviders(authentications, this.#options, this.#report);
    return {
      policies: this.#policies.sort(compareReportOrder),
      groups,
      workloads: this.#workloads,
      authentications,
    };
  }

  #checkUnique(object: PolicyObject): void {
    if (object.name === '' || object.namespace === '') return;
    const key = `${object.kind} ${object.namespace}/${object.name}`;
    const first = this.#seen.get(key);
    if (first === undefined) {
      this.#seen.set(key, positionOf(object.map));
      return;
    }
    this.#report.error(
      'duplicate-object',
      object.metadata === null ? positionOf(object.map) : keyPlace(object.metadata, 'name'),
      `the ${object.kind} \`${object.namespace}/${object.name}\` is already there, at ${first.file}:${first.line}:${first.column}`,
      'rename or remove one of the two',
    );
  }
}

function compareNames(a: Authentication, b: Authentication): number {
  return compareText(a.namespace, b.namespace) || compareText(a.name, b.name) || compareText(a.kind, b.kind);
}

function pushSome<T>(list: T[], value: T | null): void {
  if (value !== null) list.push(value);
}
