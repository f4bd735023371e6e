-- The protobuf registry and the functions over registered message types.
SET client_min_messages = warning;
SET search_path = public, event_pipeline;
SET timezone = 'UTC';
\getenv abs_srcdir PG_ABS_SRCDIR
\set data :abs_srcdir '/test/data/protobuf'
CREATE SCHEMA protobuf_test;
SELECT set_config('protobuf_test.data', :'data', false) IS NOT NULL AS data;
CREATE FUNCTION protobuf_test.file(name text) RETURNS bytea LANGUAGE sql
    AS $$ SELECT pg_read_binary_file(current_setting('protobuf_test.data') || '/' || name) $$;
-- The messages of a file in which each has its length before it.
CREATE FUNCTION protobuf_test.messages(data bytea) RETURNS TABLE (n int, payload bytea) LANGUAGE plpgsql AS $$
DECLARE at int := 0; size int; shift int; byte int;
BEGIN
    n := 0;
    WHILE at < length(data) LOOP
        size := 0; shift := 0;
        LOOP
            byte := get_byte(data, at);
            at := at + 1;
            size := size + ((byte & 127) << shift);
            shift := shift + 7;
            EXIT WHEN byte < 128;
        END LOOP;
        n := n + 1;
        payload := substr(data, at + 1, size);
        at := at + size;
        RETURN NEXT;
    END LOOP;
END $$;

-- Registering: versions, the same set again, what is refused and why.
SELECT register_protobuf('test', protobuf_test.file('events.pb'));
SELECT register_protobuf('test', protobuf_test.file('events.pb'));
SELECT register_protobuf('test', protobuf_test.file('events_bad.pb'));
SELECT severity, rule, path FROM protobuf_check(protobuf_test.file('events.pb'), protobuf_test.file('events_bad.pb'), 'backward');
SELECT severity, count(*) FROM protobuf_check(protobuf_test.file('events.pb'), protobuf_test.file('events_bad.pb'), 'forward') GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM protobuf_check(protobuf_test.file('events.pb'), protobuf_test.file('events_v2.pb'), 'full_transitive');
SELECT severity, rule, path FROM protobuf_check(protobuf_test.file('events_v2.pb'), protobuf_test.file('events.pb'), 'full');
SELECT register_protobuf('test', protobuf_test.file('events_v2.pb'), 'sideways');
SELECT register_protobuf('', protobuf_test.file('events_v2.pb'));
SELECT subject, version, compatibility, 'gopro.events.v1.Event' = ANY (message_types) AS has_event, registered_by = current_user AS mine FROM protobuf_schemas WHERE subject = 'test';
SELECT register_protobuf('broken', '');
SELECT register_protobuf('broken', '\x0a05');
SELECT register_protobuf('broken', '\x0a0161');
SELECT register_protobuf('broken', substr(protobuf_test.file('events.pb'), 1, 20000));
SELECT register_protobuf('test', protobuf_test.file('events_v2.pb'));
SELECT register_protobuf('test', protobuf_test.file('events.pb'));
SELECT subject, version, compatibility, length(digest), registered_by = current_user AS by_me, 'gopro.events.v1.LivestreamStart' = ANY (messages) AS has_new
FROM event_pipeline._protobuf_schema WHERE subject IN ('test', 'broken') ORDER BY 1, 2;

-- ProtoJSON is what the reference implementation says, for every event.
CREATE TEMP TABLE expected_v1 (n serial, doc text);
CREATE TEMP TABLE expected_v2 (n serial, doc text);
CREATE TEMP TABLE expected_v2_as_v1 (n serial, doc text);
\set program 'gzip -dc ' :data '/events.jsonl.gz'
COPY expected_v1 (doc) FROM PROGRAM :'program' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
\set program 'gzip -dc ' :data '/v2_sample.jsonl.gz'
COPY expected_v2 (doc) FROM PROGRAM :'program' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
\set program 'gzip -dc ' :data '/v2_sample_as_v1.jsonl.gz'
COPY expected_v2_as_v1 (doc) FROM PROGRAM :'program' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
SELECT count(*), count(*) FILTER (WHERE protobuf_to_jsonb('gopro.events.v1.Event', m.payload) = e.doc::jsonb) AS jsonb,
       count(*) FILTER (WHERE protobuf_to_json('gopro.events.v1.Event', m.payload)::jsonb = e.doc::jsonb) AS json
FROM protobuf_test.messages(protobuf_test.file('events.binpb')) m JOIN expected_v1 e USING (n);
SELECT count(*), count(*) FILTER (WHERE protobuf_to_jsonb('gopro.events.v1.Event', m.payload, 'test') = e.doc::jsonb) AS v2,
       count(*) FILTER (WHERE protobuf_to_jsonb('gopro.events.v1.Event', m.payload, 'test', 1) = o.doc::jsonb) AS v2_as_v1
FROM protobuf_test.messages(protobuf_test.file('v2_sample.binpb')) m JOIN expected_v2 e USING (n) JOIN expected_v2_as_v1 o USING (n);
SELECT count(*) FILTER (WHERE protobuf_get('gopro.events.v1.Event', m.payload, 'device.serial') IS NOT DISTINCT FROM e.doc::jsonb #>> '{device,serial}') AS serial,
       count(*) FILTER (WHERE protobuf_get('gopro.events.v1.Event', m.payload, 'occurred_at') IS NOT DISTINCT FROM e.doc::jsonb ->> 'occurredAt') AS occurred_at,
       count(*) FILTER (WHERE protobuf_get('gopro.events.v1.Event', m.payload, 'battery_mv') IS NOT DISTINCT FROM e.doc::jsonb ->> 'batteryMv') AS battery_mv,
       count(*) FILTER (WHERE protobuf_get('gopro.events.v1.Event', m.payload, 'labels')::jsonb = coalesce(e.doc::jsonb -> 'labels', '{}')) AS labels
FROM protobuf_test.messages(protobuf_test.file('events.binpb')) m JOIN expected_v1 e USING (n);
-- One document by two ways: as jsonb, made from the wire, and as the text read back.
SELECT count(*), count(*) FILTER (WHERE protobuf_to_jsonb('gopro.events.v1.Event', payload, always_print_fields => always) =
    protobuf_to_json('gopro.events.v1.Event', payload, always_print_fields => always)::text::jsonb) AS same
FROM (SELECT payload FROM protobuf_test.messages(protobuf_test.file('events.binpb'))
      UNION ALL SELECT payload FROM protobuf_test.messages(protobuf_test.file('v2_sample.binpb'))) m, (VALUES (true), (false)) a (always);
SELECT protobuf_to_json('gopro.events.v1.App', '', always_print_fields => true);
SELECT protobuf_to_json('gopro.events.v1.App', NULL), protobuf_to_json(NULL, ''), protobuf_get('gopro.events.v1.Event', '', 'app.name');

-- What a message type gives in a row.
SELECT * FROM protobuf_fields('gopro.events.v1.Event') WHERE path !~ '\.' OR path ~ '^(device|drone_takeoff)' ORDER BY path COLLATE "C";

-- Refusals name the reason and the place, and the server goes on.
SELECT protobuf_to_json('gopro.events.v1.Event', '\xd20201');
SELECT protobuf_to_json('gopro.events.v1.Event', '\x0a02c080');
SELECT protobuf_to_jsonb('gopro.events.v1.Event', '\x0a0100');
SELECT protobuf_to_json('gopro.events.v1.Event', '\x0b');
SELECT protobuf_to_json('gopro.events.v1.Nothing', '');
SELECT protobuf_to_json('gopro.events.v1.Event', '', 'nobody');
SELECT protobuf_to_json('gopro.events.v1.Event', '', 'test', 9);
SELECT protobuf_to_json('gopro.events.v1.Event', '', NULL, 1);
SELECT protobuf_to_json('gopro.events.v1.Event', '', 'test', 0);
SELECT protobuf_get('gopro.events.v1.Event', '', 'device.colour');

-- Two subjects define one name: say which.
SELECT register_protobuf('test other', protobuf_test.file('events.pb'), 'none');
SELECT protobuf_to_json('gopro.events.v1.App', '\x0a0141');
SELECT protobuf_to_json('gopro.events.v1.App', '\x0a0141', 'test other');
DELETE FROM event_pipeline._protobuf_schema WHERE subject = 'test other';
SELECT protobuf_to_json('gopro.events.v1.App', '\x0a0141');

-- A set that is rolled back is forgotten, and one in use survives a change within its transaction.
BEGIN;
SELECT register_protobuf('test corners', protobuf_test.file('corners.pb'));
SELECT protobuf_to_json('corners.v3.All', '\x0801');
ROLLBACK;
SELECT protobuf_to_json('corners.v3.All', '\x0801');
BEGIN;
DECLARE c CURSOR FOR SELECT protobuf_to_json('gopro.events.v1.App', '\x0a0141') FROM generate_series(1, 3);
FETCH 1 FROM c;
SELECT register_protobuf('test corners', protobuf_test.file('corners.pb'));
FETCH 1 FROM c;
COMMIT;
SELECT protobuf_to_json('corners.v3.All', '\x0801');

-- Nobody registers who was not told so; everybody may read.
CREATE ROLE regress_protobuf_reader;
SET ROLE regress_protobuf_reader;
SELECT event_pipeline.register_protobuf('mine', '');
SELECT event_pipeline.protobuf_to_json('gopro.events.v1.App', '\x0a0141');
RESET ROLE;
DROP ROLE regress_protobuf_reader;

-- A stream: every event becomes the row that events_flat.csv has; nanoseconds are cut to microseconds and the rest rescued.
\set SHOW_CONTEXT never
SELECT create_stream('protobuf_test.events', 'protobuf', 'gopro.events.v1.Event', event_time => 'happened_at');
\set SHOW_CONTEXT errors
SELECT create_stream('protobuf_test.events', 'protobuf', 'gopro.events.v1.Event', event_time => 'received_at', framing => 'delimited',
                     required => 'event_id, event_type, received_at');
INSERT INTO protobuf_test.events_raw (payload) SELECT protobuf_test.file('events.binpb');
CREATE TEMP TABLE flat (n int, event_id text, event_type text, event_type_no int, occurred_at text, received_at timestamptz,
    device_serial text, device_model text, device_firmware text, app_name text, app_version text, app_platform text, user_id text,
    session_id text, sequence bigint, battery_mv int, labels jsonb, values jsonb, tags jsonb, payload_case text, drone_serial text,
    boot_id numeric, uptime_ms numeric, battery_pct bigint, gps_locked boolean, lat float8, lon float8, alt_m float4, max_alt_m float4,
    emergency boolean, transport text, rssi_dbm int, paired boolean, connect_time_ms numeric, attempts bigint, kind text, media_id text,
    bytes numeric, width bigint, height bigint, fps float4, length_ms numeric, exposure_ev_tenths jsonb, checksum numeric,
    bytes_sent numeric, ok boolean, http_status int, content_hash bytea, project_id text, action text, clips int, params jsonb,
    plan_from text, plan_to text, price_delta_cents bigint, currency text, trial boolean, renews_at timestamptz, slug text,
    seconds_on_page bigint, scroll_depth float4, referrer text, locale text);
\set program 'gzip -dc ' :data '/events_flat.csv.gz'
COPY flat FROM PROGRAM :'program' (FORMAT csv, HEADER, NULL '\N');
SELECT count(*), (SELECT count(*) FROM flat) AS wanted FROM protobuf_test.events;
SELECT f.n
FROM flat f LEFT JOIN protobuf_test.events e ON e._ep_seq = f.n
WHERE (e.event_id, e.event_type, e.occurred_at, e.device_serial, e.device_model, e.device_firmware, e.app_name, e.app_version,
       e.app_platform, e.user_id, e.session_id, e.sequence, e.battery_mv, e.labels, to_jsonb(e.values), to_jsonb(e.tags),
       coalesce(e.drone_takeoff_drone_serial, e.drone_landing_drone_serial), coalesce(e.drone_takeoff_boot_id, e.drone_landing_boot_id),
       coalesce(e.drone_takeoff_uptime_ms, e.drone_landing_uptime_ms), coalesce(e.drone_takeoff_battery_pct, e.drone_landing_battery_pct),
       coalesce(e.drone_takeoff_gps_locked, e.drone_landing_gps_locked), coalesce(e.drone_takeoff_home_lat, e.drone_landing_at_lat),
       coalesce(e.drone_takeoff_home_lon, e.drone_landing_at_lon), coalesce(e.drone_takeoff_home_alt_m, e.drone_landing_at_alt_m),
       e.drone_landing_max_alt_m, e.drone_landing_emergency)
   IS DISTINCT FROM
      (f.event_id, f.event_type, regexp_replace(f.occurred_at, '(\.\d{6})\d+', '\1')::timestamptz, f.device_serial, f.device_model, f.device_firmware, f.app_name, f.app_version,
       f.app_platform, f.user_id, f.session_id, f.sequence, f.battery_mv, f.labels, f.values, f.tags, f.drone_serial, f.boot_id,
       f.uptime_ms, f.battery_pct, f.gps_locked, f.lat, f.lon, f.alt_m, f.max_alt_m, f.emergency)
   OR (e.camera_connect_transport, e.camera_connect_rssi_dbm, e.camera_connect_paired, extract(epoch FROM e.camera_connect_connect_time) * 1000,
       e.camera_connect_attempts, e.media_capture_kind, coalesce(e.media_capture_media_id, e.media_upload_media_id),
       coalesce(e.media_capture_bytes, e.media_upload_bytes_total), e.media_capture_width, e.media_capture_height, e.media_capture_fps,
       extract(epoch FROM e.media_capture_length) * 1000, to_jsonb(e.media_capture_exposure_ev_tenths), e.media_upload_checksum,
       e.media_upload_bytes_sent, e.media_upload_ok, e.media_upload_http_status, e.media_upload_content_hash)
   IS DISTINCT FROM
      (f.transport, f.rssi_dbm, f.paired, f.connect_time_ms, f.attempts, f.kind, f.media_id, f.bytes, f.width, f.height, f.fps, f.length_ms,
       f.exposure_ev_tenths, f.checksum, f.bytes_sent, f.ok, f.http_status, f.content_hash)
   OR (e.editor_action_project_id, e.editor_action_action, jsonb_array_length(e.editor_action_clips), e.editor_action_params,
       e.subscription_change_plan_from, e.subscription_change_plan_to, e.subscription_change_price_delta_cents, e.subscription_change_currency,
       e.subscription_change_trial, e.subscription_change_renews_at, e.article_read_slug, e.article_read_seconds_on_page,
       e.article_read_scroll_depth, e.article_read_referrer, e.article_read_locale)
   IS DISTINCT FROM
      (f.project_id, f.action, f.clips, f.params, f.plan_from, f.plan_to, f.price_delta_cents, f.currency, f.trial, f.renews_at, f.slug,
       f.seconds_on_page, f.scroll_depth, f.referrer, f.locale)
ORDER BY 1;
SELECT count(*) FROM protobuf_test.events WHERE _ep_rescued IS NOT NULL;
SELECT col_description('protobuf_test.events'::regclass, attnum) FROM pg_attribute
WHERE attrelid = 'protobuf_test.events'::regclass AND attname IN ('event_id', 'drone_takeoff_boot_id') ORDER BY attname;

-- Bad messages are rejected alone: wrong type, cut short, without what the stream requires.
INSERT INTO protobuf_test.events_raw (payload) VALUES ('\x03a03f07'), ('\x0a0a'), (''), ('\x030a0178');
SELECT seq, stage, path, sqlstate, message FROM rejected WHERE stream::text = 'protobuf_test.events' ORDER BY raw_id, seq;

SELECT drop_stream('protobuf_test.events');
DROP SCHEMA protobuf_test CASCADE;
DELETE FROM event_pipeline._protobuf_schema WHERE subject LIKE 'test%';
