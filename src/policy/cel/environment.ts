/**
 * What a CEL condition can name. One table for the checker, the documentation and the types of the values.
 *
 * A field that the request does not have is absent: reading it is an error (no match for an ALLOW, a match
 * for a DENY), `has()` of it is false.
 */
export type CelType = 'string' | 'int' | 'map' | 'timestamp' | 'list';

export interface CelField {
  readonly type: CelType;
  readonly meaning: string;
  /** Known fields of a map; absent: any key. */
  readonly fields?: Readonly<Record<string, CelField>>;
}

const field = (type: CelType, meaning: string, fields?: Readonly<Record<string, CelField>>): CelField =>
  fields === undefined ? { type, meaning } : { type, meaning, fields };

export const CEL_VARIABLES: Readonly<Record<CelVariable, CelField>> = {
  source: field('map', 'the calling workload', {
    principal: field('string', 'SPIFFE ID without the scheme: `cluster.local/ns/shop/sa/frontend`'),
    trustDomain: field('string', 'trust domain of the SPIFFE ID'),
    namespace: field('string', 'namespace in a SPIFFE ID of the form `…/ns/NAMESPACE/sa/ACCOUNT`'),
    serviceAccount: field('string', 'service account in such a SPIFFE ID, without the namespace'),
    certificate: field(
      'map',
      'its certificate, where Envoy or a trusted hop shows it; what is not known of it is absent',
      {
        sha256: field('string', 'SHA-256 of the certificate: 64 hexadecimal digits, lower case'),
        serial: field(
          'string',
          'serial number: hexadecimal digits, two a byte, lower case, without leading zero bytes',
        ),
        issuer: field('string', 'name of its issuer as RFC 4514 writes it: `CN=mesh,O=example`'),
        subject: field('string', 'its own name, written so too'),
        notBefore: field('timestamp', 'when it begins to be valid'),
        notAfter: field('timestamp', 'when it ends'),
        uris: field('list', 'its URI SANs, SPIFFE IDs with their scheme'),
        dnsNames: field('list', 'its DNS SANs'),
      },
    ),
    ip: field('string', "the connection's remote address"),
    remoteIp: field('string', 'the client behind trusted proxies (`clientIp` in the configuration)'),
  }),
  destination: field('map', 'the called workload', {
    principal: field('string', 'SPIFFE ID without the scheme'),
    namespace: field('string', 'namespace of the workload, from the source that says which one it is'),
    serviceAccount: field('string', 'its service account, where that source tells it'),
    labels: field('map', 'its labels, where that source tells them'),
    ip: field('string', 'address that the connection came to'),
    port: field('int', 'port that the connection came to'),
  }),
  request: field('map', 'the HTTP request', {
    method: field('string', 'as sent'),
    path: field('string', 'without query; the condition is asked for each reading of the path'),
    host: field('string', 'lower case, without port'),
    scheme: field('string', '`http` or `https`'),
    protocol: field('string', '`HTTP/1.1`, `HTTP/2` and so on'),
    size: field('int', 'bytes of the body, -1 when unknown'),
    sni: field('string', 'server name of the TLS session, lower case'),
    headers: field('map', 'by lower-case name; a header that came on several lines is an error'),
    query: field('map', 'query parameters by name, percent-decoded; one that came twice is an error'),
    auth: field('map', 'the verified token', {
      principal: field('string', '`ISSUER/SUBJECT`'),
      issuer: field('string', 'claim `iss`'),
      subject: field('string', 'claim `sub`'),
      audiences: field('list', 'claim `aud`, as a list'),
      presenter: field('string', 'claim `azp`'),
    }),
  }),
  claims: field('map', "the verified token's claims; numbers are doubles, and `timestamp` takes them as seconds"),
  now: field('timestamp', 'the time of the decision; turns caching off for the workload'),
};

export type CelVariable = 'source' | 'destination' | 'request' | 'claims' | 'now';
