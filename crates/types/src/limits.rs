//! Every bound on a size, count or rate, with its reason. A value over a bound is refused where it
//! enters, with the bound in the message; nothing grows with the input.

use std::time::Duration;

/// Longest id, in bytes: it becomes a part of a file name (255 on Linux) together with an attempt and
/// a cluster id.
pub const ID_BYTES_MAX: usize = 128;

/// Longest name of a driver or application, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// Most arguments of a launch.
pub const ARGS_MAX: usize = 1_000;

/// Most bytes of arguments, environment and configuration of one description, each: below what
/// Linux's `execve` takes for one argument (128 KiB), and small enough that a full queue fits memory.
pub const LAUNCH_BYTES_MAX: usize = 128 * 1024;

/// Most artifacts of a launch.
pub const ARTIFACTS_MAX: usize = 64;

/// Largest opaque payload of an application, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// Most cores of a worker, driver or executor.
pub const CORES_MAX: u32 = 65_536;

/// Most memory of a worker, driver or executor: 16 TiB in MiB.
pub const MEMORY_MIB_MAX: u64 = 16 * 1024 * 1024;

/// Most resource profiles of an application.
pub const PROFILES_MAX: usize = 32;

/// Largest executor target.
pub const EXECUTOR_TARGET_MAX: u32 = 100_000;

/// Drivers and applications that wait or run at once. Beyond it submissions are refused, so that the
/// state of a cluster that nobody looks after stays within memory.
pub const LIVE_OBJECTS_MAX: usize = 100_000;

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

/// Instances in one report of a worker.
pub const REPORTS_MAX: usize = 10_000;

/// Largest gRPC message, in bytes: a full report of a worker, or an executor table, with room.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Ended drivers, and ended applications, that are always kept (Spark's `retainedDrivers`).
pub const HISTORY_MIN: usize = 200;

/// How long an ended driver or application is kept at least, so that `--wait` can't miss it.
pub const HISTORY_AGE: Duration = Duration::from_secs(600);

/// Most ended drivers, and ended applications, whatever their age.
pub const HISTORY_MAX: usize = 20_000;

/// Ended executors that an application shows; older ones are only counted.
pub const ENDED_EXECUTORS_MAX: usize = 100;

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

/// Client writes that a master has under way at once; more wait. Bounds the log's queue, so that a
/// burst raises latency instead of memory.
pub const PROPOSALS_MAX: usize = 256;

/// Most bytes of a log that one read returns.
pub const LOG_CHUNK_BYTES: usize = 256 * 1024;
