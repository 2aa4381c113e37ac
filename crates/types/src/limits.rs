//! Every bound on a size, count or rate of what comes from outside, with its reason. A value over a bound
//! is refused where it enters, with the bound in the message; nothing grows with the input. (What bounds
//! the log and its disk is in `vesta-consensus` and `vesta-journal`, whose own it is.)

use std::time::Duration;

/// Longest id, in bytes: it becomes a part of a file name (255 on Linux) together with an attempt and
/// a cluster id.
pub const ID_BYTES_MAX: usize = 128;

/// Longest host name in bytes: DNS's own bound.
pub const HOST_BYTES_MAX: usize = 253;

/// Longest path of a program or artifact in bytes: Linux's `PATH_MAX`, its closing NUL counted.
pub const PATH_BYTES_MAX: usize = 4096;

/// Longest URL of an application's page, in bytes: what browsers and proxies agree on.
pub const URL_BYTES_MAX: usize = 2048;

/// Longest name of a driver or application, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// Most arguments of a launch.
pub const ARGS_MAX: usize = 1_000;

/// Most bytes of arguments, environment and configuration of one description, each: below what
/// Linux's `execve` takes for one argument (128 KiB), and small enough that a full queue fits memory.
pub const LAUNCH_BYTES_MAX: usize = 128 * 1024;

/// Longest name of a class of Spark's or a user's, in bytes.
pub const CLASS_NAME_BYTES_MAX: usize = 1_024;

/// Most homes of Spark that one worker names.
pub const SPARK_HOMES_MAX: usize = 16;

/// Longest version of a home of Spark, in bytes.
pub const SPARK_VERSION_BYTES_MAX: usize = 32;

/// Most artifacts of a launch.
pub const ARTIFACTS_MAX: usize = 64;

/// Largest opaque payload of an application, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// Most cores of a worker, driver or executor.
pub const CORES_MAX: u32 = 65_536;

/// Most memory of a worker, driver or executor: 16 TiB in MiB.
pub const MEMORY_MIB_MAX: u64 = 16 * 1024 * 1024;

/// Most kinds of named resources of a worker, of a profile, or that one instance holds.
pub const NAMED_RESOURCES_MAX: usize = 32;

/// Most addresses of one named resource.
pub const ADDRESSES_MAX: usize = 1_024;

/// Most ports that one launch asks for by name.
pub const PORTS_MAX: usize = 64;

/// Longest name of a port, in bytes: it becomes part of an environment variable's name.
pub const PORT_NAME_BYTES_MAX: usize = 32;

/// Most resource profiles of an application.
pub const PROFILES_MAX: usize = 32;

/// Largest executor target.
pub const EXECUTOR_TARGET_MAX: u32 = 100_000;

/// Executors that one request may name to be ended.
pub const KILL_EXECUTORS_MAX: usize = 10_000;

/// Drivers and applications that wait or run at once. Beyond it submissions are refused, so that the
/// state of a cluster that nobody looks after stays within memory.
pub const LIVE_OBJECTS_MAX: usize = 100_000;

/// Most bytes that the descriptions of all drivers and applications in the state take together. Each is
/// in the memory of every master and in each snapshot, which is refused above 1 GiB; a count alone would
/// admit 100,000 of the largest, 40 GiB. For one more the oldest ended objects are forgotten, however
/// young: what is to run goes before what is over.
pub const DESCRIBED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What an object of the state takes beside its texts, about.
pub const OBJECT_BYTES: u64 = 512;

/// Workers registered at once.
pub const WORKERS_MAX: usize = 20_000;

/// How long a DEAD worker is shown before it is forgotten, by entry time: Spark's 15 more timeouts of
/// 60 s (`spark.dead.worker.persistence`), and the one that made it DEAD.
pub const DEAD_WORKER_AGE: Duration = Duration::from_secs(16 * 60);

/// Longest text for people that the state keeps of what a worker or client said, in bytes.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// The longest report of a worker in bytes, about: it becomes one entry of the log, with room for the
/// rest of that. One that does not fit would be tried for ever; the ends that are left out follow when
/// those before them are acknowledged.
pub const REPORT_BYTES_MAX: usize = 768 * 1024;

/// How much of a report one instance takes, beside its texts. What lives comes first in a report, so one
/// of fewer instances than have room names every one that lives.
pub const REPORT_LINE_BYTES: usize = 256;

/// The longest deadline of a drain: what is meant to go on for longer than a month needs none of it.
pub const DRAIN_DEADLINE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Instances in one report of a worker.
pub const REPORTS_MAX: usize = 10_000;

/// Most instances that one set of orders may name to run, and to stop.
pub const ORDERS_MAX: usize = REPORTS_MAX;

/// Most characters kept of a reason or error text that a worker or an application gives.
pub const REASON_CHARS_MAX: usize = 1_000;

/// Stale orders that a worker names in one report; it counts them all.
pub const REFUSALS_MAX: usize = 20;

/// Largest gRPC message, in bytes: a full report of a worker, or an executor table, with room.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Objects in one list, the newest; how many there are is said with it.
pub const LIST_MAX: usize = 1_000;

/// Messages that wait on one stream to a worker or application. A peer that does not read loses its
/// stream, not our memory; what it missed is sent again when it returns.
pub const STREAM_QUEUE: usize = 256;

/// Streams to one application at one master: its client holds one, and a second while the first is found
/// to be broken. The oldest is closed.
pub const APP_SESSIONS_MAX: usize = 4;

/// Connections to a master's port for clients and workers at once: every worker (20,000) holds one, each
/// running application too. One that is too many is closed at once.
pub const CONNECTIONS_MAX: usize = 25_000;

/// Requests and streams under way at once on one connection.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 1_024;

/// How long a peer may take to say who it is once it has opened a stream. Longer, and it only holds a
/// place.
pub const HELLO_WAIT: Duration = Duration::from_secs(10);

/// Ended drivers, and ended applications, that are always kept (Spark's `retainedDrivers`).
pub const HISTORY_MIN: usize = 200;

/// How long an ended driver or application is kept at least, so that `--wait` can't miss it.
pub const HISTORY_AGE: Duration = Duration::from_secs(600);

/// How much one entry ages what has ended, at most: so much of its time a leader's wall clock that jumps
/// takes away.
pub const AGEING_STEP_MAX: Duration = Duration::from_secs(1);

/// Most ended drivers, and ended applications, whatever their age.
pub const HISTORY_MAX: usize = 20_000;

/// Ended executors that an application shows; older ones are only counted.
pub const ENDED_EXECUTORS_MAX: usize = 100;

/// Longest name of an endpoint, in bytes.
pub const ENDPOINT_NAME_BYTES_MAX: usize = 64;

/// Longest address of an endpoint, in bytes: a URL with a path and a token, not a document.
pub const ENDPOINT_ADDRESS_BYTES_MAX: usize = 512;

/// Endpoints of one driver or executor at once.
pub const ENDPOINTS_PER_OWNER_MAX: usize = 16;

/// Drivers and executors that have endpoints at once: with the longest of all, 180 MiB of state.
pub const ENDPOINT_OWNERS_MAX: usize = 20_000;

/// How long a submission key is remembered.
pub const KEY_AGE: Duration = Duration::from_secs(24 * 3600);

/// How far ahead of the leader's clock a new key's time may be.
pub const KEY_AHEAD: Duration = Duration::from_secs(600);

/// Submission keys remembered; the oldest go first, and raise the floor.
pub const KEYS_MAX: usize = 200_000;

/// Fail-over reports that are kept.
pub const FAILOVER_REPORTS_MAX: usize = 20;

/// Objects named in one fail-over report; beyond it they are only counted.
pub const FAILOVER_OBJECTS_MAX: usize = 500;

/// Client writes that a master has under way in the log at once; more wait. Bounds the log's queue, so
/// that a burst raises latency instead of memory.
pub const PROPOSALS_MAX: usize = 256;

/// Client writes that a master has taken in and not answered, those that it has sent on to the leader
/// among them. One more is answered "busy": at some thousand writes a second those before it take a
/// second already, and the largest of them (400 KiB each) as much memory as a master should.
pub const WRITES_MAX: usize = 1_024;

/// When a write that was answered "busy" should be sent again: time enough for most of those before it.
pub const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// Most bytes of a log that one read returns.
pub const LOG_CHUNK_BYTES: usize = 256 * 1024;
