/** Whether the Envoy or Istio that runs has holes that are published and mended. */
import type { Part } from '../part.ts';
import type { EnvoyConfiguration } from './configuration.ts';

type Version = readonly [number, number, number];

interface Fixes {
  readonly product: string;
  /** The first fixed patch of each minor version that got one; what is newer has it, what is older never will. */
  readonly fixed: readonly [Version, ...Version[]];
  readonly advisories: string;
}

/** https://github.com/envoyproxy/envoy/security/advisories, August 2026. */
const ENVOY: Fixes = {
  product: 'Envoy',
  fixed: [
    [1, 36, 10],
    [1, 37, 6],
    [1, 38, 4],
    [1, 39, 1],
  ],
  advisories: 'CVE-2026-73547, CVE-2026-73550 to CVE-2026-73553, CVE-2026-73511',
};

/** ISTIO-SECURITY-2026-006: the Envoy inside. */
const ISTIO: Fixes = {
  product: 'Istio',
  fixed: [
    [1, 29, 7],
    [1, 30, 4],
  ],
  advisories: 'ISTIO-SECURITY-2026-006',
};

export function checkVersion({ node, isIstio }: EnvoyConfiguration): void {
  if (node === null) return;
  if (isIstio) {
    const part = node.in('metadata', 'ISTIO_VERSION');
    judge(part, parseVersion(part.text() ?? ''), ISTIO);
    return;
  }
  const built = node.in('user_agent_build_version', 'version');
  if (built.isThere) {
    const number = (name: string): number => built.at(name).number() ?? 0;
    judge(built, [number('major_number'), number('minor_number'), number('patch')], ENVOY);
  }
}

function judge(part: Part, version: Version | null, { product, fixed, advisories }: Fixes): void {
  if (version === null) {
    part.unknown(`a version of ${product}`);
    return;
  }
  const latest = fixed.at(-1)!;
  if (compare(version, latest) >= 0) return;
  const ownLine = fixed.find(([major, minor]) => major === version[0] && minor === version[1]);
  if (ownLine !== undefined && compare(version, ownLine) >= 0) return;
  const known = fixed.map((each) => each.join('.')).join(', ');
  part.report(
    'known-advisories',
    `${product} ${version.join('.')} is older than the fixes of ${advisories} (${known})`,
  );
}

/** `1.29.7`, with whatever a build adds behind it. */
function parseVersion(text: string): Version | null {
  const found = /^(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?![\d.])/.exec(text);
  return found === null ? null : [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)];
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
