-- What became of the late attributes and of the values of another type, wherever these are: in the column of a variant or in
-- _ep_rescued.
SELECT format('%s rows; firmware: %s; battery_pct: %s; duration_ms of another type kept: %s; rejected: %s', count(*), count(firmware),
              count(battery_pct),
              count(*) FILTER (WHERE sequence % 1000 = 0 AND (to_jsonb(e) ->> 'duration_ms__text' = 'n/a' OR
                                                              _ep_rescued -> 'duration_ms' ->> 'v' = 'n/a')),
              (SELECT count(*) FROM event_pipeline.rejected r WHERE r.stream = :'stream'))
FROM :"stream" e WHERE sequence > 0;
