-- schema/lock.sql: advisory locks that only we can take. Whoever may connect can hold those of pg_advisory_lock() for as long as he likes.

CREATE FUNCTION _lock(kind regclass, id int, wait boolean DEFAULT true, shared boolean DEFAULT false) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_lock';
COMMENT ON FUNCTION _lock(regclass, int, boolean, boolean) IS
    'take a lock, named by a table and a number, until the transaction ends; false when somebody else has it and we are not to wait';

CREATE FUNCTION _lock_is_ours(kind regclass, id int) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'ep_lock_is_ours';
COMMENT ON FUNCTION _lock_is_ours(regclass, int) IS 'has this transaction taken the lock, and not as one of several?';
REVOKE ALL ON FUNCTION _lock(regclass, int, boolean, boolean), _lock_is_ours(regclass, int) FROM PUBLIC;
