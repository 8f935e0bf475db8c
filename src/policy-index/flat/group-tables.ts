/**
 * Who is a member of which groups, turned round: patterns of members, each with the groups (their patterns)
 * that it belongs to, so that a request finds its groups without asking each.
 */
export const GROUP_SPIFFE_IDS = 32;
export const GROUP_SUBJECTS = 33;
/** Claims have a table for each path, as with rules; issuer and value stand together as in a request principal. */
export const GROUP_CLAIMS = 34;
