-- What a newer schema has put into lists, maps and messages that are one value of a row is kept, and read once it is known.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET search_path = protobuf_news, event_pipeline;
\set first `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/news1.pb`
\set second `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/news2.pb`
\set third `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/news3.pb`
\set fourth `base64 -w0 $PG_ABS_SRCDIR/test/data/protobuf/news4.pb`
CREATE SCHEMA protobuf_news;
SELECT register_protobuf('news', decode(:'first', 'base64')), register_protobuf('news writer', decode(:'third', 'base64'));
SELECT create_stream('events', 'protobuf', 'news.Event', event_id => 'id', subject => 'news');
CREATE FUNCTION message(doc json) RETURNS bytea LANGUAGE sql AS $$ SELECT json_to_protobuf('news.Event', doc, 'news writer') $$;
INSERT INTO events_raw (payload) SELECT message(doc) FROM (VALUES
    (1, '{"id": "1", "lines": [{"name": "a"}, {"name": "b", "medium": "tv", "pieces": [{"number": 1}, {"number": 2, "label": "x", "good": true}]},
                              {"kind": "NEWER", "kinds": ["NEW", "NEWER", "OLD"], "box": {"width": 1, "height": 2}}]}'::json),
    (2, '{"id": "2", "lineOf": {"k": {"name": "q", "seconds": "5"}, "l": {"name": "z"}}, "kindOf": {"u": "OLD", "v": "NEWER", "w": "NEWEST"},
          "things": [{"@type": "x/news.Part", "number": 7, "label": "y"}, {"@type": "x/news.Empty"}]}'),
    (3, '{"id": "3", "kinds": ["OLD", "NEWER", "NEW", "NEWEST"], "packed": ["NEW", "NEWER", "OLD"], "kind": "NEWER",
          "node": {"number": 1, "next": {"number": 2, "next": {"colour": "red"}}}, "empty": {"noMore": "y", "second": 4},
          "more": [{"name": "m", "seconds": "7"}]}'),
    (4, '{"id": "4", "lines": [{"name": "plain", "kind": "NEW", "cents": 1}], "kinds": ["OLD"], "node": {"number": 4}, "empty": {}}')) v (n, doc)
ORDER BY n;
-- An unknown case of a oneof before a known one, and after; an entry of a map before another of its key; what is no known field's wire type.
INSERT INTO events_raw (payload) VALUES
    (message('{"id": "5", "lines": [{"free": "nothing"}]}')),
    ('\x0a01362a09ea03046672656528052a092805ea030466726565'),
    ('\x0a01373a050a016110023a050a016110013a050a016210013a050a016210022805');
SELECT id, lines, line_of, kind_of, kinds, packed FROM events ORDER BY id;
SELECT id, node_number, node_next, empty, things, _ep_rescued FROM events ORDER BY id;
SELECT path, reason, column_types, value_count FROM wanted_columns WHERE stream::text = 'events' ORDER BY path COLLATE "C";
SELECT * FROM verify('events', NULL);
-- Nothing to do as long as nobody knows it, and nothing is forgotten.
CALL run_maintenance();
SELECT count(*) FROM wanted_columns WHERE stream::text = 'events';

-- A rollup over the stream sees that its events have changed.
SELECT create_rollup('tv', 'events', 'SELECT count(*) FILTER (WHERE lines @? ''$[*].platform'') AS lines FROM events WHERE event_time >= $1 AND event_time < $2',
                     '10 years');
CALL run_maintenance();
SELECT lines FROM tv;

-- A version that knows most of it.
SELECT register_protobuf('news', decode(:'second', 'base64'), 'none');
SELECT * FROM verify('events', NULL);
CALL run_maintenance();
SELECT id, lines, line_of, kind_of, kinds, packed FROM events ORDER BY id;
SELECT id, kind, node_number, node_next, empty, empty_no_more, more, things, _ep_rescued FROM events ORDER BY id;
SELECT path, reason, column_types, value_count > 0 AS counted FROM wanted_columns WHERE stream::text = 'events' ORDER BY path COLLATE "C";
SELECT * FROM verify('events', NULL);
CALL run_maintenance();
SELECT lines FROM tv;

-- All of it, under other names.
SELECT register_protobuf('news', decode(:'third', 'base64'), 'none');
SELECT * FROM verify('events', NULL);
CALL run_maintenance();
SELECT id, lines, line_of, kind_of, kinds FROM events WHERE id IN ('1', '2', '3') ORDER BY id;
SELECT id, empty, empty_no_more, empty_second, more, things FROM events WHERE id IN ('2', '3') ORDER BY id;
SELECT id, _ep_rescued FROM events WHERE _ep_rescued IS NOT NULL ORDER BY id;
SELECT path, reason FROM wanted_columns WHERE stream::text = 'events' ORDER BY path COLLATE "C";
SELECT * FROM verify('events', NULL);

-- Values are the same as what is read at once.
SELECT create_stream('fresh', 'protobuf', 'news.Event', event_id => 'id', subject => 'news');
INSERT INTO fresh_raw (payload) SELECT payload FROM events_raw ORDER BY raw_id;
SELECT e.id, e.lines = f.lines AS lines FROM events e JOIN fresh f USING (id) ORDER BY id;
SELECT count(*) FROM events e JOIN fresh f USING (id, kinds, packed, line_of, kind_of) WHERE (e.kind, e.node_next, e.empty_no_more, e.empty_second, e.things)
    IS NOT DISTINCT FROM (f.kind, f.node_next, f.empty_no_more, f.empty_second, f.things);

-- A version without some of it: what it does not know any more is kept.
SELECT register_protobuf('news', decode(:'fourth', 'base64'), 'none');
SELECT * FROM verify('events', NULL);
SELECT * FROM verify('fresh', NULL);
INSERT INTO events_raw (payload) VALUES (message('{"id": "8", "lineOf": {"k": {"name": "q", "seconds": "5"}}, "more": [{"name": "n"}]}'));
SELECT line_of, more, _ep_rescued FROM events WHERE id = '8';
SELECT * FROM verify('events', NULL);
SELECT missing FROM reconcile('events');
SELECT step, last_error FROM maintenance_log WHERE failures > 0 AND object IN ('events', 'tv');

-- What the contract drops is not kept by another way.
SELECT register_protobuf('news terse', decode(:'first', 'base64'));
SELECT create_stream('terse', 'protobuf', 'news.Event', event_id => 'id', subject => 'news terse', contract => '{"paths": {"lines": {"columns": "discard"}}}');
INSERT INTO terse_raw (payload) SELECT payload FROM events_raw WHERE raw_id = 1;
SELECT id, _ep_rescued FROM terse;
SELECT * FROM verify('terse', NULL);

SELECT drop_rollup('tv'), drop_stream('events'), drop_stream('fresh'), drop_stream('terse');
DELETE FROM event_pipeline._protobuf_schema WHERE subject LIKE 'news%';
DROP SCHEMA protobuf_news CASCADE;
