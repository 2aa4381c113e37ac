//! What the tests share: orders, supervisors that are this binary, and waiting with a bound.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uuid::Uuid;
use vesta_proto::worker_convert::RunOrder;
use vesta_types::{AppId, Booking, ClusterId, DriverId, Epoch, InstanceId, Launch, Timestamp};
use vesta_worker::Config;
use vesta_worker::store::{InstanceDir, InstanceOrder};

/// Longer than anything here takes on a machine that is busy.
pub const BOUND: Duration = Duration::from_secs(30);

pub const CLUSTER: ClusterId = ClusterId(Uuid::from_u128(0xc1));

thread_local! {
    /// Every test has ids of its own, as every cluster has: processes are found by them.
    static FIRST_ID: u64 = {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let test = NEXT.fetch_add(1_000, Ordering::Relaxed);
        u64::from(std::process::id()) * 1_000_000 + test
    };
}

/// An attempt of a driver of this test.
pub fn driver(number: u64) -> InstanceId {
    let number = FIRST_ID.with(|first| first + number);
    InstanceId::driver(CLUSTER, DriverId::mint(Timestamp(0), number), 1)
}

/// An executor of this test's application.
pub fn executor(number: u32) -> InstanceId {
    let app = FIRST_ID.with(|first| AppId::mint(Timestamp(0), *first));
    InstanceId::executor(CLUSTER, app, number)
}

/// An order to run a shell script.
pub fn script(instance: InstanceId, script: &str) -> RunOrder {
    let launch = Launch {
        program: "sh".into(),
        args: vec!["-c".into(), script.into()],
        ..Launch::default()
    };
    RunOrder {
        instance,
        launch,
        booking: Booking::plain(2, 512),
        supervise: false,
        conf: Default::default(),
        profile: 0,
        name: "a name".into(),
        payload: Vec::new(),
        executor: None,
        lease: None,
        total_executor_cores: None,
    }
}

pub fn accepted(run: RunOrder) -> InstanceOrder {
    InstanceOrder {
        run,
        epoch: Epoch(3),
        worker: "worker-20261121110000-h-7710".parse().unwrap(),
        host: "127.0.0.1".into(),
        port: 7710,
        masters: vec!["m1:7700".into(), "m2:7700".into()],
        order_ttl: Duration::from_secs(15),
        kill_grace: Duration::from_millis(500),
        restart_backoff: 0.05,
        cgroup: None,
        log_max: 1024 * 1024,
        artifact_max: 1024 * 1024,
        spark_homes: Vec::new(),
    }
}

/// The command by which this binary runs as a supervisor.
pub fn supervisor_command() -> Vec<OsString> {
    let exe = std::env::current_exe().unwrap();
    let mut command = vec![exe.into_os_string()];
    let rest = [
        "supervisor_entry",
        "--exact",
        "--nocapture",
        "--test-threads=1",
    ];
    command.extend(rest.map(OsString::from));
    command
}

/// Waits until `condition` gives something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begun.elapsed() < BOUND, "waited {BOUND:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The lines of a file that may not be there yet.
pub fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Whether a process runs; a zombie does not.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The pid that a script wrote into a file.
#[track_caller]
pub fn written_pid(path: &Path) -> u32 {
    wait_for("a pid is written", || {
        lines(path).first()?.trim().parse().ok()
    })
}

/// An agent's configuration: quick, and with supervisors that are this binary.
pub fn config(dir: &Path, masters: &[String]) -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        heartbeat: Duration::from_millis(200),
        kill_grace: Duration::from_millis(500),
        restart_backoff: 0.05,
        containment: Some(vesta_types::Containment::ProcessGroups),
        supervisor: supervisor_command(),
        ..Config::new(masters.to_vec(), dir.to_owned(), 4, 1024).unwrap()
    }
}

/// A worker's directory; whatever still runs there is ended with the test.
pub struct Dir(TempDir);

impl Dir {
    pub fn new() -> Dir {
        Dir(TempDir::new().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn work(&self, instance: &InstanceId, file: &str) -> PathBuf {
        InstanceDir::new(self.path(), instance)
            .path()
            .join("work")
            .join(file)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let instances = fs::read_dir(self.path().join("instances"))
            .into_iter()
            .flatten();
        for instance in instances.flatten() {
            let text = fs::read_to_string(instance.path().join("supervisor.json"));
            let found = text.ok().and_then(|text| serde_json::from_str(&text).ok());
            let pid = found.and_then(|json: serde_json::Value| json["pid"].as_u64());
            if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok())
                && let Some(pid) = rustix::process::Pid::from_raw(pid)
                && is_alive(pid.as_raw_nonzero().get() as u32)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
    }
}

/// A driver that runs until it is told to end, and says when it is ready.
pub fn lasting(instance: InstanceId) -> RunOrder {
    let text = "trap 'exit 0' TERM; echo $$ > pid.part; mv pid.part pid; echo x >> ran
        while :; do sleep 0.05; done";
    script(instance, text)
}

pub async fn wait_blocking(file: PathBuf) -> u32 {
    tokio::task::spawn_blocking(move || written_pid(&file))
        .await
        .unwrap()
}

pub async fn wait_async(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < BOUND, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Kills the supervisor of an instance, and not what it runs.
pub fn kill_supervisor(dir: &Dir, id: &InstanceId) {
    let record = InstanceDir::new(dir.path(), id)
        .path()
        .join("supervisor.json");
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let pid = i32::try_from(record["pid"].as_u64().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
