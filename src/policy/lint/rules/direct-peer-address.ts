import type { Policy } from '../../model.ts';
import { valueLists } from '../lists.ts';
import type { LintRule } from '../rule.ts';

/** `ipBlocks` where the peer is a proxy or a load balancer, whose address every client then has. */
export const directPeerAddress: LintRule = {
  code: 'direct-peer-address',
  severity: 'warning',
  *findings({ set, options }) {
    const behindProxies = (options.xffTrustedHops ?? 0) > 0;
    for (const { policy, field, written, negated, position } of valueLists(set)) {
      if (field !== 'ipBlocks' || !(behindProxies || isForGateway(policy))) continue;
      const remote = written === 'source.ip' ? 'remote.ip' : negated ? 'notRemoteIpBlocks' : 'remoteIpBlocks';
      yield {
        position,
        message: `\`${written}\` is the address of the direct peer, and ${behindProxies ? '`clientIp.xffTrustedHops` names a proxy before the listener' : 'before a gateway that mostly is a load balancer'}: all clients have its address`,
        hint: `use \`${remote}\` for the address of the client`,
      };
    }
  },
};

/** Istio's own gateways carry `istio: …gateway`, those of the Gateway API the name of theirs. */
function isForGateway({ targetGateways, matchLabels }: Policy): boolean {
  return (
    (targetGateways !== null && targetGateways.length > 0) ||
    matchLabels.has('gateway.networking.k8s.io/gateway-name') ||
    ['istio', 'app'].some((name) => /(^|-)(in|e)gress-?gateway$/.test(matchLabels.get(name) ?? ''))
  );
}
