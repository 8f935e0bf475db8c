/** Documents → objects: kind and version known, `List` taken apart, metadata read. */
import { didYouMean } from '../did-you-mean.ts';
import { fieldOf, mapField, stringField } from '../read/fields.ts';
import type { Report } from '../report.ts';
import { asList, asMap } from './expect.ts';
import { keyPlace } from './node.ts';
import type { MapNode, Node } from './node.ts';

export type Kind =
  | 'AccessPolicy'
  | 'AuthorizationPolicy'
  | 'IdentityProvider'
  | 'PrincipalGroup'
  | 'RequestAuthentication'
  | 'WorkloadEntry';

export const KIND_VERSIONS: Readonly<Record<Kind, readonly [string, ...string[]]>> = {
  AccessPolicy: ['portcullis.dev/v1'],
  AuthorizationPolicy: ['security.istio.io/v1', 'security.istio.io/v1beta1'],
  IdentityProvider: ['portcullis.dev/v1'],
  PrincipalGroup: ['portcullis.dev/v1'],
  RequestAuthentication: ['security.istio.io/v1', 'security.istio.io/v1beta1'],
  WorkloadEntry: ['networking.istio.io/v1', 'networking.istio.io/v1beta1', 'networking.istio.io/v1alpha3'],
};

const KINDS = Object.keys(KIND_VERSIONS) as Kind[];

export interface PolicyObject {
  readonly kind: Kind;
  readonly map: MapNode;
  /** null: not there, or no map (reported). */
  readonly metadata: MapNode | null;
  /** Empty when missing (reported). */
  readonly namespace: string;
  readonly name: string;
}

/** A List of Lists is nobody's file, and the depth of a file is bounded anyway. */
export function objectsOf(document: Node, report: Report): PolicyObject[] {
  const map = asMap(document, report);
  if (map === null) return [];
  const kind = stringField(map, 'kind', report)?.value ?? null;
  if (kind === 'List') return listItems(map, report).flatMap((item) => objectsOf(item, report));
  if (!checkKind(map, kind, report)) return [];
  const metadata = mapField(map, 'metadata', report);
  const text = (key: string): string => (metadata === null ? '' : (stringField(metadata, key, report)?.value ?? ''));
  return [{ kind, map, metadata, namespace: text('namespace'), name: text('name') }];
}

function listItems(map: MapNode, report: Report): readonly Node[] {
  const items = fieldOf(map, 'items');
  if (items === undefined) return [];
  return asList(items, report)?.items ?? [];
}

function checkKind(map: MapNode, kind: string | null, report: Report): kind is Kind {
  const apiVersion = stringField(map, 'apiVersion', report)?.value ?? null;
  if (kind === null) {
    report.error('unknown-kind', keyPlace(map, 'kind'), 'the object has no `kind`', `the kinds are ${list(KINDS)}`);
    return false;
  }
  const known = KINDS.find((name) => name === kind);
  if (known === undefined) {
    report.error(
      'unknown-kind',
      keyPlace(map, 'kind'),
      `unknown kind \`${kind}\`${apiVersion === null ? '' : ` of \`${apiVersion}\``}`,
      unknownKindHint(kind),
    );
    return false;
  }
  const versions = KIND_VERSIONS[known];
  if (apiVersion !== null && versions.includes(apiVersion)) return true;
  report.error(
    'unknown-version',
    keyPlace(map, 'apiVersion'),
    apiVersion === null ? `the ${kind} has no \`apiVersion\`` : `unknown version \`${apiVersion}\` of ${kind}`,
    `write ${versions.map((version) => `\`${version}\``).join(' or ')}`,
  );
  return false;
}

function unknownKindHint(kind: string): string {
  const hint = didYouMean(kind, KINDS, 'the kinds are');
  if (hint.startsWith('did you mean')) return hint;
  // An object that is passed over in silence may be the DENY somebody counts on.
  return `${hint}; keep other manifests out of the policy directory`;
}

function list(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}
