-- type/gpmf.sql: the type gpmf, and what can be asked of a log.
--
-- The bytes are stored as they come, after a check of their structure; text form is bytea's. Not compressed, for compression
-- finds next to nothing in them, and so that a function that needs only headers fetches only these.

CREATE TYPE gpmf;

CREATE FUNCTION gpmf_in(cstring) RETURNS gpmf
    AS 'MODULE_PATHNAME', 'ep_gpmf_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_in(cstring) IS 'I/O: hex or escape, as bytea; refuses what is no well-formed log';
CREATE FUNCTION gpmf_out(gpmf) RETURNS cstring
    AS 'byteaout' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_out(gpmf) IS 'I/O: as bytea';
CREATE FUNCTION gpmf_recv(internal) RETURNS gpmf
    AS 'MODULE_PATHNAME', 'ep_gpmf_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_recv(internal) IS 'I/O: the bytes of the log; refuses what is no well-formed log';
CREATE FUNCTION gpmf_send(gpmf) RETURNS bytea
    AS 'byteasend' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_send(gpmf) IS 'I/O: the bytes of the log';

CREATE TYPE gpmf (
    INPUT = gpmf_in, OUTPUT = gpmf_out, RECEIVE = gpmf_recv, SEND = gpmf_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = external
);
COMMENT ON TYPE gpmf IS 'camera telemetry (GoPro Metadata Format): one or more payloads, back to back';

CREATE FUNCTION gpmf(bytea) RETURNS gpmf
    AS 'MODULE_PATHNAME', 'ep_gpmf_from_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gpmf(bytea) IS 'the bytes as a log; refuses what is no well-formed log, with offset and reason';
CREATE CAST (bytea AS gpmf) WITH FUNCTION gpmf(bytea) AS ASSIGNMENT;
COMMENT ON CAST (bytea AS gpmf) IS 'checks the structure';
CREATE CAST (gpmf AS bytea) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (gpmf AS bytea) IS 'the bytes of the log';

-- Equality and hash, so that logs can be told apart, grouped and joined: of the bytes.

CREATE FUNCTION gpmf_eq(gpmf, gpmf) RETURNS boolean
    AS 'byteaeq' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_eq(gpmf, gpmf) IS 'implementation of the = operator';
CREATE FUNCTION gpmf_ne(gpmf, gpmf) RETURNS boolean
    AS 'byteane' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_ne(gpmf, gpmf) IS 'implementation of the <> operator';
CREATE FUNCTION gpmf_hash(gpmf) RETURNS int
    AS 'hashvarlena' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_hash(gpmf) IS 'hash of the bytes';
CREATE FUNCTION gpmf_hash_extended(gpmf, bigint) RETURNS bigint
    AS 'hashvarlenaextended' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_hash_extended(gpmf, bigint) IS 'hash of the bytes, with a seed';

CREATE OPERATOR = (
    LEFTARG = gpmf, RIGHTARG = gpmf, FUNCTION = gpmf_eq, COMMUTATOR = =, NEGATOR = <>,
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR = (gpmf, gpmf) IS 'the same bytes';
CREATE OPERATOR <> (
    LEFTARG = gpmf, RIGHTARG = gpmf, FUNCTION = gpmf_ne, COMMUTATOR = <>, NEGATOR = =,
    RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (gpmf, gpmf) IS 'other bytes';
CREATE OPERATOR CLASS gpmf_hash_ops DEFAULT FOR TYPE gpmf USING hash AS
    OPERATOR 1 =, FUNCTION 1 gpmf_hash(gpmf), FUNCTION 2 gpmf_hash_extended(gpmf, bigint);
COMMENT ON OPERATOR CLASS gpmf_hash_ops USING hash IS 'equality of logs';
COMMENT ON OPERATOR FAMILY gpmf_hash_ops USING hash IS 'equality of logs';

-- An order, of the bytes: it means nothing of the logs, but lets the server sort them where it cannot hash.

CREATE FUNCTION gpmf_lt(gpmf, gpmf) RETURNS boolean
    AS 'bytealt' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_lt(gpmf, gpmf) IS 'implementation of the < operator';
CREATE OPERATOR < (
    LEFTARG = gpmf, RIGHTARG = gpmf, FUNCTION = gpmf_lt, COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (gpmf, gpmf) IS 'before, byte by byte';
CREATE FUNCTION gpmf_le(gpmf, gpmf) RETURNS boolean
    AS 'byteale' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_le(gpmf, gpmf) IS 'implementation of the <= operator';
CREATE OPERATOR <= (
    LEFTARG = gpmf, RIGHTARG = gpmf, FUNCTION = gpmf_le, COMMUTATOR = >=, NEGATOR = >, RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (gpmf, gpmf) IS 'before or the same, byte by byte';
CREATE FUNCTION gpmf_gt(gpmf, gpmf) RETURNS boolean
    AS 'byteagt' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_gt(gpmf, gpmf) IS 'implementation of the > operator';
CREATE OPERATOR > (
    LEFTARG = gpmf, RIGHTARG = gpmf, FUNCTION = gpmf_gt, COMMUTATOR = <, NEGATOR = <=, RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (gpmf, gpmf) IS 'after, byte by byte';
CREATE FUNCTION gpmf_ge(gpmf, gpmf) RETURNS boolean
    AS 'byteage' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_ge(gpmf, gpmf) IS 'implementation of the >= operator';
CREATE OPERATOR >= (
    LEFTARG = gpmf, RIGHTARG = gpmf, FUNCTION = gpmf_ge, COMMUTATOR = <=, NEGATOR = <, RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (gpmf, gpmf) IS 'after or the same, byte by byte';
CREATE FUNCTION gpmf_cmp(gpmf, gpmf) RETURNS int
    AS 'byteacmp' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
COMMENT ON FUNCTION gpmf_cmp(gpmf, gpmf) IS 'less than, equal to, or greater than 0 as the first log stands before, with, or after the second';
CREATE OPERATOR CLASS gpmf_ops DEFAULT FOR TYPE gpmf USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 gpmf_cmp(gpmf, gpmf);
COMMENT ON OPERATOR CLASS gpmf_ops USING btree IS 'order of the bytes';
COMMENT ON OPERATOR FAMILY gpmf_ops USING btree IS 'order of the bytes';

-- What is in a log.

CREATE FUNCTION gpmf_streams(log gpmf, windows float8[] DEFAULT NULL,
    OUT stream int, OUT device_id bigint, OUT device_name text, OUT fourcc text, OUT name text, OUT type text,
    OUT elements int, OUT payloads int, OUT samples bigint, OUT units text[], OUT scale float8[], OUT rate_hz float8,
    OUT first_at timestamptz, OUT last_at timestamptz, OUT remark text,
    OUT clock text, OUT struct_size int, OUT klvs bigint, OUT orin text, OUT orio text, OUT mtrx float8[],
    OUT tsmp_first bigint, OUT tsmp_last bigint)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'ep_gpmf_streams' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20 COST 1000;
COMMENT ON FUNCTION gpmf_streams(gpmf, float8[]) IS 'one row per stream of the log, in order of first appearance. type: the type character or the expanded TYPE, # for compressed; samples: sum of repeats, empty streams included; rate_hz NULL when one payload is all there is; clock: where the times come from (field: the samples themselves, as GPS9 and drones have it, stmp, tsmp: counts over payload windows, tick, window: even spread), and the source of UTC (gps9, syst, gpsu) after a slash. windows: as of gpmf_samples()';

CREATE FUNCTION gpmf_samples(log gpmf, fourcc text DEFAULT NULL, quirks boolean DEFAULT false, windows float8[] DEFAULT NULL,
    OUT stream int, OUT device_id bigint, OUT fourcc text, OUT payload int, OUT klv int, OUT sample int, OUT t float8,
    OUT at timestamptz, OUT value float8[], OUT label text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'ep_gpmf_samples' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 10000 COST 10000;
COMMENT ON FUNCTION gpmf_samples(gpmf, text, boolean, float8[]) IS 'one row per sample of the log, or of the streams with that FourCC. t: seconds from the start of the log; at: UTC, NULL when the log has no clock; value: scaled by SCAL and re-oriented, NULL where an element is text; label: a text stream''s text, or the text elements. Streams that cannot be read (compressed, or their layout contradicts itself) are left out, and are an error when asked for by name. quirks: correct what firmware is known to write wrong, as gpmf_fourccs() lists it; otherwise values are as the log says them. windows: the start of each payload and the end of the last, s, as an MP4 knows them (gpmf_from_mp4)';

CREATE FUNCTION gpmf_metadata(log gpmf,
    OUT payload int, OUT device_id bigint, OUT fourcc text, OUT key text, OUT type text, OUT "offset" bigint,
    OUT value float8[], OUT label text, OUT at timestamptz, OUT exact numeric[])
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'ep_gpmf_metadata' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 1000;
COMMENT ON FUNCTION gpmf_metadata(gpmf) IS 'every key of the log that is not the data of a stream or has one value, in file order: fourcc names the stream it stands in (NULL: the device), offset is its place in the bytes; numbers are in value as they are stored, texts in label, times (U) in at too, NULL where the camera wrote no date; 64-bit integers (j, J) also in exact, for float8 holds them to 2^53 only';

CREATE FUNCTION gpmf_to_jsonb(log gpmf, quirks boolean DEFAULT false) RETURNS jsonb
    AS 'MODULE_PATHNAME', 'ep_gpmf_to_jsonb' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION gpmf_to_jsonb(gpmf, boolean) IS 'the whole log: devices, their streams, and each stream''s samples as arrays [t, value, ...]; 64-bit integers without a divisor are exact; Infinity and NaN become null. quirks: as of gpmf_samples()';

CREATE FUNCTION gpmf_started_at(log gpmf) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'ep_gpmf_started_at' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION gpmf_started_at(gpmf) IS 'UTC of the start of the log, from GPS9, the drone''s SYST or GPSU, in that order; NULL when the log has no clock. Of a stored log of more than 1 MB only the head is fetched where that settles it, as it does after a fix; where neither head nor tail has a clock, there is none';

CREATE FUNCTION gpmf_duration(log gpmf) RETURNS interval
    AS 'MODULE_PATHNAME', 'ep_gpmf_duration' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION gpmf_duration(gpmf) IS 'from the start of the log to the end of its last sample; a payload counts as 1.001 s where no clock says otherwise. Of a stored log of more than 1 MB only head and tail are fetched where its payloads are stamped (STMP, TICK)';

CREATE FUNCTION gpmf_device_names(log gpmf) RETURNS text[]
    AS 'MODULE_PATHNAME', 'ep_gpmf_device_names' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION gpmf_device_names(gpmf) IS 'what the devices in the log call themselves, in order of first appearance; a stored log is fetched in pieces, of long DEVCs only the headers';

-- Out of a container.

CREATE FUNCTION gpmf_from_mp4(mp4 bytea, OUT payload int, OUT log gpmf, OUT in_s float8, OUT out_s float8, OUT problem text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'ep_gpmf_from_mp4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 10000;
COMMENT ON FUNCTION gpmf_from_mp4(bytea) IS 'the payloads of the first gpmd track of an MP4, in the order of the presentation, each with its window [in_s, out_s) in seconds; the edit list is respected, so the first may begin before 0 and payloads that are not shown are left out. A payload that is no well-formed log has log NULL and its problem said. string_agg(log::bytea, '''' ORDER BY payload)::gpmf makes one log of them, and array_agg(in_s ORDER BY payload) || max(out_s) its windows';

-- What is known of FourCCs.

CREATE FUNCTION gpmf_fourccs(
    OUT fourcc text, OUT meaning text, OUT type text, OUT element int, OUT column_name text, OUT unit text, OUT description text,
    OUT corrected_column text, OUT corrected_unit text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'ep_gpmf_fourccs' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 300;
COMMENT ON FUNCTION gpmf_fourccs() IS 'the known streams, a row per element: the column that it becomes in the tables of a gpmf stream, its unit and meaning. type: the layout that is meant, where a FourCC has several or a fixed one; element: from 1, NULL where only the FourCC is known, whose elements are v1, v2 ...; corrected_column: what it becomes with quirks, where firmware writes it wrong';
