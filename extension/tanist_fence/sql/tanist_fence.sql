-- The server has tanist_fence in shared_preload_libraries. FENCE_WRITER in the environment runs one order of a writer:
-- "$FENCE_WRITER" arm MS [WALL_MS], disarm, remove.
\set VERBOSITY terse
\set ON_ERROR_STOP 0
CREATE EXTENSION tanist_fence;
CREATE TABLE t (a int);

-- no file: as if there were no library
SELECT state, commits, lease_left, writer, publications FROM tanist_fence.status();
INSERT INTO t VALUES (1);

-- armed: what writes in whatever way
\! $FENCE_WRITER arm 3600000
SELECT state, commits, lease_left BETWEEN '59 min' AND '1 h' AS left, wall_clock_left BETWEEN '59 min' AND '1 h' AS wall_left,
       published_ago < '10 s' AS fresh, publications
  FROM tanist_fence.status();
INSERT INTO t VALUES (2) RETURNING a;
BEGIN;
INSERT INTO t VALUES (3);
SAVEPOINT s;
INSERT INTO t VALUES (4);
ROLLBACK TO s;
COMMIT;
CREATE PROCEDURE in_steps(n int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..n LOOP
    INSERT INTO t VALUES (10 + i);
    COMMIT;
  END LOOP;
END $$;
CALL in_steps(3);
BEGIN;
INSERT INTO t VALUES (20);
PREPARE TRANSACTION 'one';
COMMIT PREPARED 'one';
BEGIN;
INSERT INTO t VALUES (21);
PREPARE TRANSACTION 'two';
ROLLBACK PREPARED 'two';
CREATE INDEX CONCURRENTLY t_a ON t (a);
REINDEX INDEX CONCURRENTLY t_a;
DROP INDEX CONCURRENTLY t_a;
VACUUM (ANALYZE) t;
CREATE TEMP TABLE mine AS SELECT 1 AS a;
CREATE UNLOGGED TABLE unlogged (a int);
CREATE SEQUENCE numbers;
SELECT nextval('numbers');
NOTIFY something;
COPY t FROM stdin;
30
31
\.
CREATE DATABASE other;
INSERT INTO t SELECT g FROM generate_series(1000, 3000) g;
SELECT count(*), sum(a) FROM t;
\; INSERT INTO t VALUES (40) \; COMMIT \; SELECT length(string_agg(a::text, ',')) FROM t;
BEGIN \; INSERT INTO t VALUES (41) \; COMMIT \; INSERT INTO t VALUES (42) \; SELECT count(*) FROM t;
SELECT refused, unanswered, reads_refused, last_refusal FROM tanist_fence.status();

-- ended
BEGIN;
INSERT INTO t VALUES (50);
PREPARE TRANSACTION 'three';
BEGIN;
INSERT INTO t VALUES (51);
\! $FENCE_WRITER arm 0
SELECT state, commits, lease_left <= '0' AS over FROM tanist_fence.status();
COMMIT;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO t VALUES (52);
SELECT count(*) FROM t WHERE a BETWEEN 50 AND 59;
CREATE TABLE none (a int);
DROP DATABASE other;
CALL in_steps(1);
BEGIN;
INSERT INTO t VALUES (53);
PREPARE TRANSACTION 'four';
COMMIT PREPARED 'three';
ROLLBACK PREPARED 'three';
SELECT gid FROM pg_prepared_xacts;
CREATE INDEX CONCURRENTLY t_a ON t (a);
ANALYZE t;
COPY t FROM stdin;
54
\.
-- what writes no commit record goes on
BEGIN;
INSERT INTO t VALUES (55);
ROLLBACK;
BEGIN;
SELECT count(*) FROM t WHERE a BETWEEN 50 AND 59;
COMMIT;
SET work_mem = '8MB';
LISTEN something;
CHECKPOINT;
SELECT refused, unanswered, reads_refused, last_refusal IS NOT NULL AS when_known FROM tanist_fence.status();

-- the wall clock alone, and what it may be past the end
\! $FENCE_WRITER arm 3600000 -30000
SELECT state, commits, wall_clock_left < '0' AS over FROM tanist_fence.status();
INSERT INTO t VALUES (60);
ALTER SYSTEM SET tanist_fence.wall_clock_slack = '60s';
SELECT pg_reload_conf();
SELECT pg_sleep(0.3);
SELECT state FROM tanist_fence.status();
INSERT INTO t VALUES (61);
-- it prolongs nothing
\! $FENCE_WRITER arm 0 3600000
INSERT INTO t VALUES (62);
ALTER SYSTEM RESET tanist_fence.wall_clock_slack;

-- reading
CREATE ROLE somebody;
\! $FENCE_WRITER arm 3600000
CREATE ROLE somebody;
GRANT SELECT ON t TO somebody;
\! $FENCE_WRITER arm 0
SET ROLE somebody;
SELECT count(*) FROM t WHERE a = 1;
RESET ROLE;
ALTER SYSTEM SET tanist_fence.read_only = 'refuse';
SELECT pg_reload_conf();
SELECT pg_sleep(0.3);
SELECT count(*) FROM t WHERE a = 1;
SET ROLE somebody;
SELECT count(*) FROM t WHERE a = 1;
\echo :LAST_ERROR_SQLSTATE
COPY t TO stdout;
BEGIN;
ROLLBACK;
SELECT * FROM tanist_fence.status();
RESET ROLE;
SELECT reads_refused FROM tanist_fence.status();
\! $FENCE_WRITER arm 3600000
SET ROLE somebody;
SELECT count(*) FROM t WHERE a = 1;
RESET ROLE;
ALTER SYSTEM RESET tanist_fence.read_only;
SELECT pg_reload_conf();
SELECT pg_sleep(0.3);

-- disarmed, and gone
\! $FENCE_WRITER disarm
SELECT state, commits, lease_left, writer IS NOT NULL AS written FROM tanist_fence.status();
INSERT INTO t VALUES (70);
COMMIT PREPARED 'three';
\! $FENCE_WRITER arm 3600000
INSERT INTO t VALUES (71);
-- cleaned away by somebody: who has it goes on until its end, who looks for it does not
\! rm $FENCE_FILE
INSERT INTO t VALUES (72);
\c
SELECT state, commits FROM tanist_fence.status();
INSERT INTO t VALUES (73);
\! $FENCE_WRITER disarm
INSERT INTO t VALUES (74);
-- removed by its writer
\! $FENCE_WRITER arm 3600000
SELECT state, commits FROM tanist_fence.status();
\! $FENCE_WRITER remove
INSERT INTO t VALUES (75);
\! $FENCE_WRITER disarm
SELECT state, commits FROM tanist_fence.status();
\! $FENCE_WRITER remove
SELECT state, commits FROM tanist_fence.status();
INSERT INTO t VALUES (75);
ALTER SYSTEM SET tanist_fence.without_file = 'refuse';
SELECT pg_reload_conf();
SELECT pg_sleep(0.3);
SELECT state, commits FROM tanist_fence.status();
INSERT INTO t VALUES (76);
\! $FENCE_WRITER arm 3600000
INSERT INTO t VALUES (77);
SELECT a FROM t WHERE a BETWEEN 50 AND 79 ORDER BY a;
ALTER SYSTEM RESET tanist_fence.without_file;
SELECT pg_reload_conf();
DROP TABLE t, unlogged;
DROP PROCEDURE in_steps;
DROP SEQUENCE numbers;
DROP ROLE somebody;
\! $FENCE_WRITER disarm
-- whole: it was not begun to be dropped
SELECT current_database() AS here \gset
\c other
SELECT 1 AS one;
\c :here
DROP DATABASE other;
DROP EXTENSION tanist_fence;
\! $FENCE_WRITER remove
