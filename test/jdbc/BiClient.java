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
import java.time.OffsetDateTime;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a BI tool does through JDBC, with the tables that setup.sql made.  Arguments: URL, and the
 * password of the roles bi, which may only read, and sender, which may only insert raw events.  Prints TAP; exit
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
             Connection sender = DriverManager.getConnection(args[0], "sender", args[1]))
        {
            tablesAndColumns(bi);
            eventTable(bi);
            rollup(bi);
            flights(bi);
            gpmf(bi);
            columnAddedMeanwhile(bi, sender);
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
        for (String table : new String[] {"app_events", "app_events_raw", "device_events", "camera_logs", "reads_daily", "flights"})
        {
            check(tables.containsKey(table) && tables.get(table) != null, "table " + table + " is listed, with a remark",
                  tables.get(table));
        }
        Map<String, String> columns = columns(meta, "device_events");
        check("e.g. C3441325000123".equals(columns.get("device_serial")), "a comment of the .proto is the column's remark",
              columns.get("device_serial"));
        check(columns(meta, "camera_logs_gps9").getOrDefault("latitude", "").contains("deg"),
              "a gpmf column says its unit", columns(meta, "camera_logs_gps9"));
        int bare = 0;
        for (String remark : columns(meta, "flights").values())
        {
            bare += remark == null ? 1 : 0;
        }
        check(bare == 0, "every column of the flight table has a remark", columns(meta, "flights"));
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
        try (PreparedStatement s = sender.prepareStatement("INSERT INTO app_events_raw (payload) VALUES (?)"))
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
