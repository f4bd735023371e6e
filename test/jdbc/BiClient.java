import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a BI tool does through JDBC, with the tables that setup.sql made.  Arguments: URL, and the
 * password of the roles bi, which may only read, sender, which may only insert raw events, and keeper, who runs the maintenance.  Prints TAP; exit
 * status 1 when something does not hold.
 */
public final class BiClient
{
    private static int tests;
    private static int failures;

    private BiClient() {}

    public static void main(String[] args) throws SQLException
    {
        try (Connection bi = DriverManager.getConnection(args[0], "bi", args[1]);
             Connection sender = DriverManager.getConnection(args[0], "sender", args[1]);
             Connection keeper = DriverManager.getConnection(args[0], "keeper", args[1]))
        {
            tablesAndColumns(bi);
            eventTable(bi);
            rollup(bi);
            flights(bi);
            gpmf(bi);
            columnAddedMeanwhile(bi, sender);
            refreshedMeanwhile(bi, sender, keeper);
        }
        System.out.println("1.." + tests);
        System.exit(failures == 0 ? 0 : 1);
    }

    /** The catalogue that a BI tool shows: tables and columns, each with its remark. */
    private static void tablesAndColumns(Connection bi) throws SQLException
    {
        DatabaseMetaData meta = bi.getMetaData();
        Map<String, String> tables = new TreeMap<>();
        try (ResultSet r = meta.getTables(null, "public", "%", new String[] {"TABLE", "PARTITIONED TABLE", "VIEW"}))
        {
            while (r.next())
            {
                tables.put(r.getString("TABLE_NAME"), r.getString("REMARKS"));
            }
        }
        for (String table : new String[] {"app_events", "app_events_bi", "app_events_raw", "device_events", "camera_logs", "reads_daily", "reads_daily_live", "flights", "fleet_days"})
        {
            check(tables.containsKey(table) && tables.get(table) != null, "table " + table + " is listed, with a remark",
                  tables.get(table));
        }
        Map<String, String> columns = columns(meta, "device_events");
        check("e.g. C3441325000123".equals(columns.get("device_serial")), "a comment of the .proto is the column's remark",
              columns.get("device_serial"));
        check(columns(meta, "camera_logs_gps9").getOrDefault("latitude", "").contains("deg"),
              "a gpmf column says its unit", columns(meta, "camera_logs_gps9"));
        for (String table : new String[] {"flights", "fleet_days"})
        {
            check(!columns(meta, table).containsValue(null), "every column of " + table + " has a remark", columns(meta, table));
        }
        check(columns(meta, "reads_per_day").getOrDefault("bucket", "").contains("Pacific/Auckland"),
              "the remark of a rollup's bucket says in whose days it counts", columns(meta, "reads_per_day"));
        for (String table : new String[] {"app_events_bi", "reads_daily", "reads_daily_live", "reads_per_day", "reads_hourly_live", "flights", "fleet_days"})
        {
            check(otherTypes(meta, table).isEmpty(), "every column of " + table + " has a standard SQL type", otherTypes(meta, table));
        }
        check(columnType(meta, "app_events", "reading_time") == Types.DOUBLE
              && columnType(meta, "app_events", "user_id") == Types.BIGINT
              && columnType(meta, "app_events", "event_time") == Types.TIMESTAMP
              && columnType(meta, "app_events", "paid") == Types.BIT
              && columnType(meta, "app_events", "article") == Types.VARCHAR, "columns have standard SQL types", null);
    }

    private static Map<String, String> columns(DatabaseMetaData meta, String table) throws SQLException
    {
        Map<String, String> columns = new TreeMap<>();
        try (ResultSet r = meta.getColumns(null, "public", table, "%"))
        {
            while (r.next())
            {
                columns.put(r.getString("COLUMN_NAME"), r.getString("REMARKS"));
            }
        }
        return columns;
    }

    /** The columns that JDBC has no type for. */
    private static Map<String, String> otherTypes(DatabaseMetaData meta, String table) throws SQLException
    {
        Map<String, String> others = new TreeMap<>();
        try (ResultSet r = meta.getColumns(null, "public", table, "%"))
        {
            while (r.next())
            {
                if (r.getInt("DATA_TYPE") == Types.OTHER)
                {
                    others.put(r.getString("COLUMN_NAME"), r.getString("TYPE_NAME"));
                }
            }
        }
        return others;
    }

    private static int columnType(DatabaseMetaData meta, String table, String column) throws SQLException
    {
        try (ResultSet r = meta.getColumns(null, "public", table, column))
        {
            return r.next() ? r.getInt("DATA_TYPE") : Types.NULL;
        }
    }

    private static void eventTable(Connection bi) throws SQLException
    {
        try (PreparedStatement s = bi.prepareStatement(
                 "SELECT event_time, user_id, article, reading_time, paid FROM app_events WHERE user_id = ? ORDER BY event_time LIMIT 1"))
        {
            s.setLong(1, 7);
            try (ResultSet r = s.executeQuery())
            {
                boolean found = r.next();
                check(found && r.getObject("event_time", OffsetDateTime.class).toInstant().equals(Instant.parse("2026-03-01T00:07:00Z")),
                      "a timestamptz is the same instant in every JVM", found ? r.getString("event_time") : null);
                check(found && r.getLong("user_id") == 7 && "a7".equals(r.getString("article"))
                      && r.getDouble("reading_time") == 7.5 && !r.getBoolean("paid"), "an event row reads back as it was sent", null);
            }
        }
    }

    private static void rollup(Connection bi) throws SQLException
    {
        try (Statement s = bi.createStatement();
             ResultSet r = s.executeQuery("SELECT sum(reads), max(readers) FROM reads_daily"))
        {
            r.next();
            check(r.getLong(1) == 600 && r.getLong(2) == 10, "the rollup counts every event", r.getLong(1));
        }
        // 2026-03-01 00:01Z to 10:00Z is 13:01 to 23:00 of that day in Auckland: one day there, ten hours here.
        try (Statement s = bi.createStatement();
             ResultSet r = s.executeQuery("SELECT DISTINCT bucket, max(last_read) OVER () AS last_read FROM reads_per_day"))
        {
            boolean found = r.next();
            check(found && r.getObject("bucket", LocalDate.class).equals(LocalDate.of(2026, 3, 1))
                  && "2026-03-01".equals(r.getDate("bucket").toString()), "a local day is the same date in every JVM",
                  found ? r.getString("bucket") : null);
            check(found && r.getObject("last_read", OffsetDateTime.class).toInstant().equals(Instant.parse("2026-03-01T10:00:00Z"))
                  && r.getTimestamp("last_read").toInstant().equals(Instant.parse("2026-03-01T10:00:00Z")),
                  "a time in a rollup is the same instant in every JVM", found ? r.getString("last_read") : null);
            check(!r.next(), "there is one such day", null);
        }
        try (Statement s = bi.createStatement();
             ResultSet r = s.executeQuery("SELECT min(bucket), max(bucket), count(*), sum(reads) FROM reads_hourly"))
        {
            r.next();
            check(r.getObject(1, OffsetDateTime.class).toInstant().equals(Instant.parse("2026-03-01T00:00:00Z"))
                  && r.getObject(2, OffsetDateTime.class).toInstant().equals(Instant.parse("2026-03-01T10:00:00Z"))
                  && r.getLong(4) == 600, "an hour is the same instant in every JVM", r.getString(1));
        }
    }

    private static void flights(Connection bi) throws SQLException
    {
        try (Statement s = bi.createStatement();
             ResultSet r = s.executeQuery("SELECT drone_id, status, takeoff_at, duration_ms, flags FROM flights"))
        {
            boolean found = r.next();
            check(found && "complete".equals(r.getString("status")) && r.getLong("duration_ms") == 600000
                  && r.getObject("takeoff_at", OffsetDateTime.class).toInstant().equals(Instant.parse("2017-06-01T10:01:00Z")),
                  "the flight table has the flight, with the corrected clock", found ? r.getString("takeoff_at") : null);
            check(found && r.getArray("flags").getArray() instanceof String[], "text[] arrives as String[]", null);
        }
        // 10:01Z is 22:01 in Auckland.
        try (Statement s = bi.createStatement();
             ResultSet r = s.executeQuery("SELECT day, flights, flight_hours FROM fleet_days"))
        {
            boolean found = r.next();
            check(found && r.getObject("day", LocalDate.class).equals(LocalDate.of(2017, 6, 1)) && r.getLong("flights") == 1
                  && Math.abs(r.getDouble("flight_hours") - 1 / 6.0) < 0.001, "the fleet has the flight on its local day", found ? r.getString("day") : null);
        }
    }

    private static void gpmf(Connection bi) throws SQLException
    {
        try (Statement s = bi.createStatement())
        {
            try (ResultSet r = s.executeQuery("SELECT log, log::bytea FROM logs"))
            {
                boolean found = r.next();
                check(found && r.getString(1).equals("\\x" + hex(r.getBytes(2))), "a gpmf value reads as its bytes in hex", null);
            }
            byte[] bytes;
            try (ResultSet r = s.executeQuery("SELECT log::bytea FROM logs"))
            {
                bytes = r.next() ? r.getBytes(1) : new byte[0];
            }
            try (PreparedStatement p = bi.prepareStatement(
                     "SELECT log OPERATOR(event_pipeline.=) ?::event_pipeline.gpmf, log OPERATOR(event_pipeline.=) ?::bytea::event_pipeline.gpmf FROM logs"))
            {
                p.setString(1, "\\x" + hex(bytes));
                p.setBytes(2, bytes);
                try (ResultSet r = p.executeQuery())
                {
                    check(r.next() && r.getBoolean(1) && r.getBoolean(2), "a gpmf value is sent as hex or as bytes", null);
                }
            }
            try (ResultSet r = s.executeQuery("SELECT s.value FROM logs, event_pipeline.gpmf_samples(log, 'GPS9') s LIMIT 1"))
            {
                boolean found = r.next();
                Array value = found ? r.getArray(1) : null;
                check(found && ((Double[]) value.getArray()).length == 9, "a sample is a Double[9]", value);
            }
            try (ResultSet r = s.executeQuery("SELECT count(*), count(latitude) FROM camera_logs_gps9"))
            {
                r.next();
                check(r.getLong(1) > 0 && r.getLong(1) == r.getLong(2), "camera_logs_gps9 has a position in every row", r.getLong(1));
            }
        }
    }

    /** A report that is being read in pieces, and run again and again, while events bring a new attribute. */
    private static void columnAddedMeanwhile(Connection bi, Connection sender) throws SQLException
    {
        bi.setAutoCommit(false);
        try (PreparedStatement report = bi.prepareStatement(
                 "SELECT event_time, user_id, reading_time FROM app_events WHERE article IS NOT NULL ORDER BY event_time, user_id"))
        {
            report.setFetchSize(50);
            for (int run = 0; run < 8; run++)
            {
                check(count(report, null) == 600, "run " + run + " of the prepared report reads 600 events", null);
            }
            check(count(report, () -> send(sender, "{\"at\": \"2026-03-02T00:00:00Z\", \"mood_1\": \"fine\"}")) == 600,
                  "a cursor is read to its end while an event with a new attribute arrives", null);
            bi.commit();
            send(sender, "{\"at\": \"2026-03-02T00:00:01Z\", \"mood_2\": \"fine\"}");
            check(columns(bi.getMetaData(), "app_events").containsKey("mood_2"), "the new attribute has a column", null);
            check(count(report, null) == 600, "the prepared report still runs after the column was added", null);
        }
        bi.commit();
        try (Statement s = bi.createStatement();
             ResultSet r = s.executeQuery("SELECT count(*) FROM app_events e WHERE to_jsonb(e)::text LIKE '%\"fine\"%'"))
        {
            r.next();
            check(r.getLong(1) == 2, "both new attributes are kept, as a column or rescued", r.getLong(1));
        }
    }

    /**
     * Reports on rollups, the flight table and a BI view, each read in pieces, while late events change every bucket and bring a new
     * attribute, and the maintenance replaces the buckets and extends the view.
     */
    private static void refreshedMeanwhile(Connection bi, Connection sender, Connection keeper) throws SQLException
    {
        String[] reports = {
            "SELECT bucket, user_id, reads FROM reads_hourly ORDER BY bucket, user_id",
            "SELECT bucket, user_id, reads FROM reads_hourly_live ORDER BY bucket, user_id",
            "SELECT bucket, user_id, reads FROM reads_per_day ORDER BY bucket, user_id",
            "SELECT takeoff_at, drone_id, 1 AS reads FROM flights ORDER BY takeoff_at",
            "SELECT day, flights AS reads FROM fleet_days ORDER BY day",
            "SELECT event_time, user_id, 1 AS reads FROM app_events_bi WHERE user_id IS NOT NULL ORDER BY event_time"};
        for (String sql : reports)
        {
            String from = sql.replaceFirst(".* FROM (\\w+) .*", "$1");
            bi.setAutoCommit(false);
            try (PreparedStatement report = bi.prepareStatement(sql))
            {
                report.setFetchSize(1);
                long before = 0;
                for (int run = 0; run < 8; run++)
                {
                    before = sum(report, null);
                    bi.commit();
                }
                long during = sum(report, () ->
                {
                    lateEvents(sender, "new_for_" + from);
                    maintain(keeper);
                });
                check(before > 0 && during == before, "a cursor over " + from + " reads on in its snapshot while it is refreshed", during);
                bi.commit();
                maintain(keeper);   // the view waits for nobody: it is extended when nobody reads
                long after = sum(report, null);
                check(after > before, "and the prepared report sees what has come", before + " " + after);
            }
            bi.commit();
            bi.setAutoCommit(true);
        }
        try (PreparedStatement live = bi.prepareStatement("SELECT reads FROM reads_hourly_live"))
        {
            long before = sum(live, null);
            lateEvents(sender, "new_for_nobody");
            check(sum(live, null) == before + 11, "a live view counts events that no refresh has seen", sum(live, null));
        }
        check(columns(bi.getMetaData(), "app_events_bi").containsKey("new_for_reads_hourly"), "the view has the new attributes", null);
        try (Statement s = keeper.createStatement();
             ResultSet r = s.executeQuery("SELECT string_agg(step || ' ' || object || ': ' || last_error, '; ') FROM event_pipeline.maintenance_log WHERE failures > 0"))
        {
            r.next();
            check(r.getString(1) == null, "no step of the maintenance fails", r.getString(1));
        }
    }

    /** An event in every hour, and a flight. */
    private static void lateEvents(Connection sender, String attribute) throws SQLException
    {
        StringBuilder events = new StringBuilder();
        for (int hour = 0; hour <= 10; hour++)
        {
            events.append(String.format("{\"at\": \"2026-03-01T%02d:00:00Z\", \"user_id\": 3, \"reading_time\": 0.5, \"%s\": %d}%n", hour, attribute, hour));
        }
        send(sender, "app_events_raw", events.toString());
        String flight = "{\"event_id\": \"%s%s\", \"drone_id\": \"K2\", \"type\": \"%s\", \"boot_id\": \"%1$s\", \"device_uptime_ms\": %d,"
            + " \"gps_time\": \"2017-06-02T10:%02d:00Z\", \"gps_fix\": 3, \"sent\": \"2017-06-02T18:00:00Z\"}%n";
        send(sender, "drone_events_raw", String.format(flight, attribute, 1, "takeoff", 60000, 1) + String.format(flight, attribute, 2, "landing", 660000, 11));
    }

    private static void maintain(Connection keeper) throws SQLException
    {
        try (Statement s = keeper.createStatement())
        {
            s.execute("CALL event_pipeline.run_maintenance()");
        }
    }

    /** The sum of the column reads over the rows of the statement; the action happens after the first. */
    private static long sum(PreparedStatement statement, Action middle) throws SQLException
    {
        long sum = 0;
        try (ResultSet r = statement.executeQuery())
        {
            for (boolean first = true; r.next(); first = false)
            {
                if (first && middle != null)
                {
                    middle.run();
                }
                sum += r.getLong("reads");
            }
        }
        return sum;
    }

    private interface Action
    {
        void run() throws SQLException;
    }

    /** Rows of the statement; the action happens in the middle. */
    private static int count(PreparedStatement statement, Action middle) throws SQLException
    {
        int rows = 0;
        try (ResultSet r = statement.executeQuery())
        {
            while (r.next())
            {
                rows++;
                if (rows == 120 && middle != null)
                {
                    middle.run();
                }
            }
        }
        return rows;
    }

    private static void send(Connection sender, String event) throws SQLException
    {
        send(sender, "app_events_raw", event);
    }

    private static void send(Connection sender, String table, String event) throws SQLException
    {
        try (PreparedStatement s = sender.prepareStatement("INSERT INTO " + table + " (payload) VALUES (?)"))
        {
            s.setQueryTimeout(10);
            s.setString(1, event);
            s.executeUpdate();
        }
    }

    private static String hex(byte[] bytes)
    {
        StringBuilder text = new StringBuilder();
        for (byte b : bytes)
        {
            text.append(String.format("%02x", b));
        }
        return text.toString();
    }

    private static void check(boolean holds, String what, Object seen)
    {
        tests++;
        if (!holds)
        {
            failures++;
            System.out.println("# seen: " + seen);
        }
        System.out.println((holds ? "ok " : "not ok ") + tests + " - " + what);
    }
}
