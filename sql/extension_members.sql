-- Every object that the extension made is described: \dx+ and \df+ are the reference that is always at hand.
SELECT pg_describe_object(classid, objid, 0) AS uncommented
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'event_pipeline')
  AND obj_description(objid, classid::regclass::text) IS NULL
  AND NOT EXISTS (  -- row and array types, which the server makes by itself and from 16 on counts as members
      SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
      WHERE classid = 'pg_type'::regclass AND t.oid = objid AND (c.relkind <> 'c' OR t.typcategory = 'A'))
ORDER BY 1;

-- Functions with a body in SQL or PL/pgSQL pin search_path, so that nobody can slip an operator under them.
-- These qualify every name instead: they look up what the caller names along the caller's path, or they commit.
-- SQL-standard bodies are bound when they are made.
SELECT DISTINCT p.proname AS unpinned
FROM pg_proc p
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'event_pipeline'
JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname IN ('sql', 'plpgsql') AND p.prosqlbody IS NULL
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) setting WHERE setting LIKE 'search\_path=pg\_catalog%')
ORDER BY 1;

-- Tables that users fill are configuration tables, so that pg_dump carries their rows.
SELECT c.oid::regclass AS not_dumped
FROM pg_class c
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'event_pipeline'
WHERE c.relkind IN ('r', 'p', 'S') AND NOT c.oid = ANY (e.extconfig)
ORDER BY 1;
