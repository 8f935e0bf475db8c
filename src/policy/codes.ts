/**
 * The codes of all problems that the policy language reports, each with its meaning. Codes are stable:
 * people silence, count and look up by them.
 */
export const CODES = {
  // Files
  'file-too-large': 'the file is larger than the bound',
  'yaml-syntax': 'the file is not well-formed YAML or JSON',
  'unknown-tag': 'a value has a YAML tag that is not of the core schema',
  'unknown-anchor': 'an alias names an anchor that is not written before it',
  'duplicate-key': 'a key is written twice in one map',
  'bad-key': 'a key is not a string',
  'yaml-boolean': 'a string without quotes is a boolean to readers of YAML 1.1, as kubectl and Istio are',
  'too-deep': 'values are nested deeper than the bound',
  'too-many-values': 'the file holds more values than the bound, aliases followed',
  'string-too-long': 'a string is longer than the bound',

  // Objects
  'unknown-kind': 'the object is of a kind that is not a policy kind, or has none',
  'unknown-version': 'the kind is known and its apiVersion is not',
  'missing-namespace': 'the object has no metadata.namespace',
  'bad-name': 'a name of an object, namespace or rule has a form that such names cannot have',
  'duplicate-object': 'two objects of one kind have the same namespace and name',
  'no-policies': 'there is no policy at all, and allowEmpty is not set',

  // Structure
  'unknown-field': 'the field does not exist here',
  'missing-field': 'a field that is needed is not there',
  'wrong-type': 'a value is of another type than the field takes',
  'unknown-value': 'the value is none of the words that the field takes',
  'bad-value': 'the value is outside of what the field takes',
  'empty-value': 'a string is empty where that could never match',
  'empty-list': 'a list is empty where that says nothing',
  'too-many': 'a list is longer than the bound',

  // Policies
  'bad-selector': 'a selector has a wildcard or a label without a name',
  'bad-target': 'a target reference is not one that policies can have',
  'conflicting-fields': 'two fields cannot stand beside each other',
  'deny-without-rules': 'a policy without rules would never match anything',
  'empty-source': 'a source says nothing',
  'empty-operation': 'an operation says nothing',
  'missing-values': 'a condition has neither values nor notValues',
  'bad-provider': 'a provider is missing for action CUSTOM, or given for another action',
  'not-with-custom': 'a field cannot be used with action CUSTOM',
  'bad-dry-run': 'the dry-run annotation has a value or a place in which it has no effect',
  'duplicate-rule-name': 'two rules of a policy have one name',
  'foreign-namespace': 'a name points into another namespace, which only the root namespace may',
  'audit-ignored': 'an AUDIT policy is left out, since it never decides',
  'custom-skipped': 'a CUSTOM policy is left out, since asking an external service is what led here',

  // Values
  'bad-ip-block': 'the value is neither an IP address nor a CIDR block',
  'bad-port': 'the value is not a port',
  'bad-path': 'no path that gets past the gate can match the value',
  'bad-path-template': 'the path holds braces that are not a valid template',
  'bad-method': 'no HTTP method can match the value',
  'bad-host': 'no host can match the value',
  'bad-principal': 'no SPIFFE ID can match the value',
  'bad-namespace': 'no namespace can match the value',
  'bad-service-account': 'the value is not a service account',
  'bad-trust-domain': 'the value is not a trust domain',
  'bad-request-principal': 'no token can match the value',
  'unknown-attribute': 'the key of a condition names no attribute',
  'bad-attribute-key': 'the key of a condition has malformed brackets',
  'bad-timestamp': 'the value is not a point in time',
  'bad-window': 'a time window is empty or says nothing',
  'bad-condition': 'a CEL condition cannot be read, names what does not exist, or can never be a bool',
  'client-ip-not-configured':
    'the address of the client is asked for, and the configuration does not say how it is found',

  // Proofs of identity
  'bad-algorithm': 'the value is not a signature algorithm with a public key',
  'bad-key-hash': 'the value is not the SHA-256 of an API key, and may be the key itself',
  'duplicate-api-key': 'two API keys have one id or one hash',
  'duplicate-provider': 'two identity providers take the same proofs',
  'bad-jwks': 'the value is not a JSON Web Key Set of public keys',

  // Responses
  'wrong-respond': 'a part of respond has no effect in a policy with this action',
  'forbidden-header': 'the header cannot be set or removed',
  'bad-header-name': 'the value is not the name of a header',
  'bad-header-value': 'a header value holds a control character',
  'bad-query-name': 'the value is not the name of a query parameter',
  'duplicate-header': 'a header or parameter is named twice',
  'set-and-removed': 'a header or parameter is both set and removed',
  'bad-template': 'a `${…}` is malformed or names nothing that is known',

  // Groups and workloads
  'empty-group': 'a group has no members',
  'bad-claim': 'the value is not the name of a claim',
  'bad-group-name': 'the value is not the name of a group',
  'unknown-group': 'there is no such group in reach',
  'group-cycle': 'a group contains itself',
  'group-too-deep': 'groups are nested deeper than the bound',
  'bad-address': 'the address of a workload is not an IP address',

  // Lint: legal, and probably not meant
  'account-of-root-namespace': 'a service account without a namespace stands in a policy of the root namespace',
  'allows-anybody': 'a rule allows everything to everybody, or to whoever has some certificate',
  'allows-without-identity': 'a rule allows whoever is not named, callers without a certificate or token too',
  'any-audience': 'tokens that were made for any other service are taken',
  'any-trust-domain': 'a namespace or service account of any trust domain is allowed where several are in play',
  'audit-without-effect': 'what is recorded is said where nothing is allowed',
  'covered-rule': 'another rule matches everything that the rule matches: it changes nothing',
  'denied-rule': 'a DENY matches everything that the rule would allow',
  'direct-peer-address': 'the address of the direct peer is asked for where that is a proxy or a load balancer',
  'duplicate-workload-address': 'two workload entries say different things of one address',
  'expired-key': 'the time of an API key is over',
  'expired-rule': 'the time window of a rule is over',
  'header-as-sent': 'path or host are compared as sent, and another spelling gets past',
  'host-without-port': 'the host with a port is another one to Istio, and is not named',
  'keys-over-http': 'keys, or answers about tokens, come by a way on which they can be forged',
  'method-override': 'a POST with a method override header may get past rules about other methods',
  'prefix-matches-siblings': 'a path prefix that ends within a name allows its neighbours too',
  'rule-never-matches': 'two fields of a rule leave no request that meets both',
  'template-gap': 'a path with a bracket matches no template of Istio, and gets past',
  'subject-with-slash': 'a request principal whose subject has slashes: it is split at the last one',
  'token-never-there': 'a rule looks at a token where nobody verifies any',
  'token-not-required': 'proofs of identity are verified, and no policy asks for any',
  'trailing-slash': 'the path with, or without, a last slash gets past',
  'unknown-workload': 'proofs are for workloads with a label that nothing else has',
  'unused-group': 'no rule uses the group',
  'value-never-matches': 'no real request can match the value, which Istio takes all the same',

  // Tests
  'duplicate-test-name': 'two tests of a file have one name',
} as const satisfies Readonly<Record<string, string>>;

export type Code = keyof typeof CODES;
