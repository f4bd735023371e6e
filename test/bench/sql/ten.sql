-- Ten typed fields of a jsonb document, into an empty table.
DROP TABLE IF EXISTS ten;
CREATE TABLE ten ("eventId" text, "eventType" text, "occurredAt" timestamptz, "receivedAt" timestamptz, "userId" text,
    "sessionId" text, sequence bigint, "batteryMv" int, "values" float8[], tags text[]);
