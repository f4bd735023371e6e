-- Seconds of processor time that this backend has had, in its own code and in the kernel's; in steps of 10 ms.
CREATE FUNCTION bench_clock() RETURNS numeric LANGUAGE sql VOLATILE AS $$
    SELECT (fields[12]::numeric + fields[13]::numeric) / 100
    FROM string_to_array(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' ') fields
$$;
