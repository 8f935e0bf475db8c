/** Whether callers have to show who they are: without that a request comes from nobody, and rules about callers say nothing of it. */
import type { Part } from '../part.ts';
import { hasLabels, namespaceOf } from './objects.ts';

const MODES = ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'];

/** `asking`: what sends requests to Portcullis, the first of it. */
export function checkMutualTls(authentications: readonly Part[], rootNamespace: string, asking: Part | null): void {
  let isMeshTold = false;
  for (const authentication of authentications) {
    const spec = authentication.at('spec');
    const mode = spec.in('mtls', 'mode');
    const isForMesh = namespaceOf(authentication) === rootNamespace && !hasLabels(spec.in('selector', 'matchLabels'));
    if (isForMesh) isMeshTold = true;
    // Elsewhere what is not said is as it is for the mesh.
    checkMode(mode, isForMesh ? 'PERMISSIVE' : 'STRICT');
    for (const [port, each] of spec.at('portLevelMtls').entries())
      checkMode(each.at('mode'), 'STRICT', ` on port ${port}`);
  }
  if (asking !== null && !isMeshTold) {
    asking.report(
      'mtls-not-shown',
      `there is no PeerAuthentication for the mesh (in \`${rootNamespace}\`) in the input`,
    );
  }
}

function checkMode(mode: Part, unset: string, where = ''): void {
  const written = mode.word(MODES) ?? 'UNSET';
  const effective = written === 'UNSET' ? unset : written;
  if (effective !== 'STRICT') mode.report('mtls-optional', `callers without a certificate are let in${where}`);
}
