-- CSV: a header in each blob, types inferred over the statement, cells of text.
SET TimeZone = 'UTC';
SELECT event_pipeline.create_stream('cs', 'csv', event_time => 'when');
INSERT INTO cs_raw (payload) VALUES
    (E'when,eventType,value,ok,zip\n2024-06-01T10:00:00Z,click,1,true,00501\n2024-06-01T10:00:01Z,"read, again",2.5,false,12345\n2024-06-01T10:00:02Z,x\n'),
    (E'\uFEFFzip,event_type,when,"a ""b"" c"\r\n,klick,2024-06-02,"two\nlines"\r\n'),
    (E'when\n');
SELECT event_time, event_type, value, ok, zip, a_b_c, _ep_raw_id, _ep_seq FROM cs ORDER BY event_time;
SELECT raw_id, seq, message, expected, found FROM event_pipeline.rejected WHERE stream = 'cs';
SELECT path, column_name, column_type FROM event_pipeline.stream_columns WHERE stream = 'cs' ORDER BY path COLLATE "C";
-- a text column takes any cell as it came; what a number column does not take has a column of its own
INSERT INTO cs_raw (payload) VALUES (E'when,zip,value\n2024-06-03,77,n/a\n');
SELECT zip, value, value__text, _ep_rescued FROM cs WHERE event_time = '2024-06-03';
-- an empty cell in quotes is none, either: it makes no text of a column of numbers
INSERT INTO cs_raw (payload) VALUES (E'"when","amount","note","value"\n"2024-06-04","2.5","x",""\n"2024-06-05","","","3"\n');
SELECT amount, pg_typeof(amount), note, value, value__text, _ep_rescued FROM cs WHERE event_time >= '2024-06-04' ORDER BY event_time;
SELECT * FROM event_pipeline.verify('cs', NULL);
SELECT event_pipeline.drop_stream('cs');
SELECT event_pipeline.create_stream('semi', 'csv', delimiter => ';');
INSERT INTO semi_raw (payload) VALUES (E'a;b\n1;2,5\n');
SELECT a, b FROM semi;
SELECT event_pipeline.drop_stream('semi');
