\echo Use "CREATE EXTENSION tanist_fence" to load this file. \quit

-- The library fences without it, by shared_preload_libraries alone.
CREATE FUNCTION status(
    OUT file text,                  -- where the end of the lease is read from
    OUT state text,                 -- armed, disarmed, absent, foreign, ended, ended by wall clock, vanished, stale, unusable
    OUT commits boolean,            -- whether a transaction that writes would be committed now
    OUT lease_left interval,        -- armed or ended: by CLOCK_BOOTTIME, negative after the end
    OUT wall_clock_left interval,   -- the same by CLOCK_REALTIME
    OUT published_ago interval,     -- when it was last written
    OUT writer integer,             -- the process that did
    OUT publications bigint,        -- how often
    OUT refused bigint,             -- transactions refused before their commit record, since the start of the server
    OUT unanswered bigint,          -- connections closed after it
    OUT reads_refused bigint,       -- statements refused by tanist_fence.read_only
    OUT last_refusal timestamptz)   -- of any of these
AS 'MODULE_PATHNAME', 'tanist_fence_status'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

REVOKE ALL ON FUNCTION status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION status() TO pg_monitor;
GRANT USAGE ON SCHEMA tanist_fence TO PUBLIC;
