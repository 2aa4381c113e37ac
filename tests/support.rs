//! What the tests on real processes share: a bounded number of clusters at a time, programs that say
//! in a ledger that they ran, and looks at a cluster through its own client.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use vesta_client::proto::{
    self, GetApplicationRequest, GetDriverRequest, ListRequest, Master, SubmitDriverReply,
};
use vesta_client::{ApplicationBuilder, Client, ClientOptions, MasterList, new_key};
use vesta_local::ledger::{self, Event, KEY_VARIABLE, LEDGER_VARIABLE, Record, Runs, Submission};
use vesta_local::{Cluster, Options, Program, wait_for, wait_until};
use vesta_types::{AppId, DriverDescription, DriverId, Launch, SubmissionKey};

/// How long anything may take that should happen at once: far above what it takes, even on a busy
/// machine.
pub const BOUND: Duration = Duration::from_secs(30);

/// Clusters at a time: more of them would take each other's elections apart on two cores.
static PLACES: Semaphore = Semaphore::const_new(2);

/// The `vesta` binary under test.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_vesta"))
}

/// Three masters and one worker of 4 cores. Elections are patient enough for a busy machine of two
/// cores; the timeouts of workers and recovery are a tenth of the default (6 s, leases 30 s).
pub fn options() -> Options {
    Options {
        workers: 1,
        heartbeat: Duration::from_millis(100),
        election: (Duration::from_millis(500), Duration::from_millis(1000)),
        time_scale: 0.1,
        log: "info".to_owned(),
        ..Options::new(Program::new(program()))
    }
}

/// A cluster that has one of the places; both are given back when it is dropped.
pub struct Running {
    cluster: Cluster,
    _place: SemaphorePermit<'static>,
}

impl Deref for Running {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }
}

/// Starts a cluster and waits until it leads itself and all its workers are ALIVE.
pub async fn start(options: Options) -> Running {
    let mut running = prepare(options).await;
    running.start_all().await;
    running
}

/// A cluster of which no process runs yet.
pub async fn prepare(options: Options) -> Running {
    let place = place().await;
    Running {
        cluster: Cluster::prepare(options).unwrap(),
        _place: place,
    }
}

/// A place for a cluster that a test starts by other means.
pub async fn place() -> SemaphorePermit<'static> {
    PLACES.acquire().await.expect("it is never closed")
}

impl Running {
    /// Starts every process that does not run, and waits as [`start`] does.
    pub async fn start_all(&mut self) {
        let workers = self.workers.len();
        let Cluster {
            masters,
            workers: nodes,
            ..
        } = &mut self.cluster;
        for node in masters
            .iter_mut()
            .chain(nodes)
            .filter(|node| !node.is_running())
        {
            node.start().unwrap();
        }
        self.cluster.ready(BOUND).await.unwrap();
        self.leader().await;
        self.workers_alive(workers).await;
    }

    /// Ends everything in order. Nothing may be left behind.
    pub async fn finish(mut self) {
        let left = self.cluster.stop_all().await.unwrap();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// A client of every master.
    pub fn client(&self) -> Client {
        client(&self.master_url())
    }

    /// A client of the master at `at` in `masters` alone.
    pub fn client_of(&self, at: usize) -> Client {
        client(&self.url_of(at))
    }

    /// The URL that names only the master at `at`.
    pub fn url_of(&self, at: usize) -> String {
        format!("vesta://{}", self.masters[at].address())
    }

    /// Where in `masters` the leader is, once it is open for business and its recovery is over.
    pub async fn leader(&self) -> usize {
        self.leader_that("a leader that has recovered", |master| {
            master.status == "ALIVE"
        })
        .await
    }

    /// Where in `masters` a leader is, once it is as `wanted`.
    pub async fn leader_that(&self, what: &str, wanted: impl Fn(&Master) -> bool) -> usize {
        let client = self.client();
        let leader = wait_for(what, BOUND, async || {
            let masters = client
                .list_masters(ListRequest::default())
                .await
                .ok()?
                .masters;
            let leader = masters
                .into_iter()
                .find(|master| master.leader && wanted(master))?;
            usize::try_from(leader.node_id).ok()?.checked_sub(1)
        });
        leader.await.unwrap()
    }

    /// The leader's place once it is another than `old`, and its recovery is over.
    pub async fn leader_after(&self, old: usize) -> usize {
        let old = self.masters[old].number() as u64;
        let next = |master: &Master| master.node_id != old && master.status == "ALIVE";
        self.leader_that("another leader that has recovered", next)
            .await
    }

    /// Kills the leader and waits until another one has recovered. Returns (killed, leader).
    pub async fn kill_leader(&mut self) -> (usize, usize) {
        let old = self.leader().await;
        self.masters[old].kill().unwrap();
        (old, self.leader_after(old).await)
    }

    /// Starts the master at `at` again and waits until it has caught up.
    pub async fn restart_master(&mut self, at: usize) {
        self.masters[at].start().unwrap();
        self.caught_up(at).await;
    }

    /// Waits until the master at `at` has applied what its leader has committed by then.
    pub async fn caught_up(&self, at: usize) {
        let (client, number) = (self.client(), self.masters[at].number() as u64);
        let what = format!("master {number} to catch up");
        let caught_up = wait_until(what, BOUND, async || {
            let Ok(reply) = client.list_masters(ListRequest::default()).await else {
                return false;
            };
            let leader = reply.masters.iter().find(|master| master.leader);
            let committed = leader.map_or(u64::MAX, |leader| leader.committed_index);
            let mut others = reply
                .masters
                .iter()
                .filter(|master| master.node_id == number);
            others.any(|master| master.status != "UNREACHABLE" && master.applied_index >= committed)
        });
        caught_up.await.unwrap();
    }

    /// Waits until this many workers are ALIVE.
    pub async fn workers_alive(&self, count: usize) {
        let client = self.client();
        let alive = wait_until(format!("{count} workers ALIVE"), BOUND, async || {
            let reply = client.list_workers(ListRequest::default()).await;
            reply.is_ok_and(|reply| {
                reply
                    .workers
                    .iter()
                    .filter(|worker| worker.state == "ALIVE")
                    .count()
                    == count
            })
        });
        alive.await.unwrap();
    }

    /// The workers as the leader knows them.
    pub async fn workers_now(&self) -> Vec<proto::Worker> {
        let request = ListRequest {
            consistent: true,
            ..ListRequest::default()
        };
        self.client().list_workers(request).await.unwrap().workers
    }

    /// Submits a driver under a new key; the client repeats it until it is acknowledged.
    pub async fn submit(&self, description: &DriverDescription) -> Submitted {
        self.submit_as(new_key(), description).await
    }

    /// The same, under this key.
    pub async fn submit_as(
        &self,
        key: SubmissionKey,
        description: &DriverDescription,
    ) -> Submitted {
        let reply = self
            .client()
            .submit_driver(key, &with_key(description, key))
            .await
            .unwrap();
        Submitted::new(key, &reply, description)
    }

    /// A driver as the leader knows it.
    pub async fn driver(&self, id: &DriverId) -> proto::Driver {
        driver(&self.client(), id).await
    }

    /// An application as the leader knows it.
    pub async fn application(&self, id: &AppId) -> proto::Application {
        let request = GetApplicationRequest {
            app_id: id.to_string(),
            consistent: true,
        };
        let reply = self.client().get_application(request).await.unwrap();
        reply
            .application
            .expect("an application that is found is in the reply")
    }

    /// Waits until a driver is as `wanted`, and returns it.
    pub async fn driver_that(
        &self,
        id: &DriverId,
        what: &str,
        wanted: impl Fn(&proto::Driver) -> bool,
    ) -> proto::Driver {
        let client = self.client();
        let look = wait_for(format!("{id} to be {what}"), BOUND, async || {
            Some(driver(&client, id).await).filter(|driver| wanted(driver))
        });
        look.await.unwrap()
    }

    /// Waits until a driver is in `state`, and returns it.
    pub async fn driver_in(&self, id: &DriverId, state: &str) -> proto::Driver {
        self.driver_that(id, state, |driver| driver.state == state)
            .await
    }

    /// Waits until a driver has a process, and returns it.
    pub async fn running(&self, id: &DriverId) -> proto::Driver {
        self.driver_that(id, "running", |driver| {
            driver.state == "RUNNING" && driver.pid != 0
        })
        .await
    }

    /// Waits until an application is as `wanted`, and returns it.
    pub async fn application_that(
        &self,
        id: &AppId,
        what: &str,
        wanted: impl Fn(&proto::Application) -> bool,
    ) -> proto::Application {
        let look = wait_for(format!("{id} to be {what}"), BOUND, async || {
            Some(self.application(id).await).filter(|application| wanted(application))
        });
        look.await.unwrap()
    }

    /// What launched programs have written so far.
    pub fn records(&self) -> Vec<Record> {
        ledger::read(&self.ledger()).unwrap()
    }

    /// Programs that have begun so far, in that order.
    pub fn started(&self) -> Vec<Record> {
        let records = self.records().into_iter();
        records
            .filter(|record| record.event == Event::Started)
            .collect()
    }

    /// Waits until this many programs have begun, and no more: what the masters know of a process it may
    /// not have got round to say itself.
    pub async fn starts(&self, count: usize) {
        let what = format!("{count} programs to have begun");
        let begun = wait_until(what, BOUND, async || self.started().len() >= count);
        begun.await.unwrap();
        assert_eq!(self.started().len(), count, "{:?}", self.started());
    }

    /// Nothing ran twice, and everything ran that had to.
    pub fn assert_ran_once(&self, submitted: &[Submitted]) {
        let submissions: Vec<Submission> = submitted
            .iter()
            .map(|submitted| submitted.submission.clone())
            .collect();
        let verdict = Runs::of(&self.records()).judge(&submissions);
        assert!(verdict.is_good(), "{verdict:?}");
    }

    /// A driver that runs the shell lines `body` between two lines in the ledger.
    pub fn driver_of(&self, name: &str, cores: u32, body: &str) -> DriverDescription {
        DriverDescription {
            name: name.to_owned(),
            launch: self.launch(body),
            cores,
            memory_mib: 64,
            supervise: false,
            conf: BTreeMap::new(),
            executor: None,
            on_disconnect: None,
            lease: None,
            total_executor_cores: None,
            named: Default::default(),
        }
    }

    /// A program that runs the shell lines `body` between two lines in the ledger.
    pub fn launch(&self, body: &str) -> Launch {
        let ledger = self.ledger().display().to_string();
        Launch {
            program: "/bin/sh".to_owned(),
            args: vec![
                "-c".to_owned(),
                format!("{SAY}\nsay started\n{body}\nsay ended\n"),
            ],
            env: BTreeMap::from([(LEDGER_VARIABLE.to_owned(), ledger)]),
            artifacts: Vec::new(),
            spark: None,
        }
    }

    /// An application whose executors run `body`, of one core and 64 MiB each.
    pub fn app_of(&self, name: &str, target: u32, body: &str) -> ApplicationBuilder {
        let masters: MasterList = self.master_url().parse().unwrap();
        ApplicationBuilder::new(masters, self.launch(body))
            .name(name.to_owned())
            .executor_cores(Some(1))
            .executor_memory_mib(64)
            .target(Some(target))
            .heartbeat(Duration::from_millis(250))
    }

    /// Runs `vesta` with these arguments, every master in its environment.
    pub async fn vesta(&self, args: &[&str]) -> Output {
        vesta(&self.master_url(), args).await
    }
}

/// A shell function that appends a line to the ledger, in one write.
const SAY: &str = r#"key=null
if [ -n "$VESTA_LEDGER_KEY" ]; then key="\"$VESTA_LEDGER_KEY\""; fi
say() {
  printf '{"event":"%s","instance":"%s","attempt":%s,"restart":%s,"pid":%s,"at":%s000,"key":%s}\n' \
    "$1" "$VESTA_INSTANCE_ID" "${VESTA_ATTEMPT:-0}" "${VESTA_RESTART:-0}" $$ "$(date +%s)" "$key" \
    >> "$VESTA_LEDGER"
}"#;

/// Shell lines that wait until the file at `path` is there.
pub fn until(path: &Path) -> String {
    format!("while [ ! -e '{}' ]; do sleep 0.05; done", path.display())
}

/// Shell lines that never end by themselves.
pub const FOR_EVER: &str = "while :; do sleep 1; done";

/// The same driver, told the key that it is submitted with.
pub fn with_key(description: &DriverDescription, key: SubmissionKey) -> DriverDescription {
    let mut description = description.clone();
    description
        .launch
        .env
        .insert(KEY_VARIABLE.to_owned(), key.to_string());
    description
}

/// A driver that was acknowledged.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Its id.
    pub id: DriverId,
    /// How the ledger is to be judged.
    pub submission: Submission,
}

impl Submitted {
    /// What was acknowledged, and must run.
    pub fn new(
        key: SubmissionKey,
        reply: &SubmitDriverReply,
        description: &DriverDescription,
    ) -> Submitted {
        let id: DriverId = reply.driver_id.parse().unwrap();
        let driver = Some(id.clone());
        let supervised = description.supervise;
        Submitted {
            id,
            submission: Submission {
                key,
                driver,
                supervised,
                must_run: true,
            },
        }
    }
}

/// A client of the masters at `url`, more patient than any election.
pub fn client(url: &str) -> Client {
    // A paused master takes a connection and never answers.
    let attempt = Duration::from_secs(1);
    let options = ClientOptions {
        deadline: BOUND,
        attempt,
        ..ClientOptions::default()
    };
    Client::with_options(&url.parse().unwrap(), options)
}

/// A driver as the leader knows it.
pub async fn driver(client: &Client, id: &DriverId) -> proto::Driver {
    let request = GetDriverRequest {
        driver_id: id.to_string(),
        consistent: true,
    };
    let reply = client.get_driver(request).await.unwrap();
    reply
        .driver
        .expect("a driver that is found is in the reply")
}

/// Runs `vesta` with these arguments and the masters at `url` in its environment.
pub async fn vesta(url: &str, args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(program());
    command
        .args(args)
        .env("VESTA_MASTER", url)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(BOUND, command.output()).await;
    output
        .unwrap_or_else(|_| panic!("vesta {args:?} runs on after {BOUND:?}"))
        .unwrap()
}

/// The state of a process (`T` is stopped, `D` in the kernel and not to be woken), and its parent's pid.
pub fn state_and_parent(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in parentheses, may itself hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

/// Standard output as text, without the last line's end.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Addresses on loopback that nobody has now.
pub fn free_addresses(count: usize) -> Vec<std::net::SocketAddr> {
    let listeners = (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let listeners: Vec<_> = listeners.collect();
    listeners
        .iter()
        .map(|it| it.local_addr().unwrap())
        .collect()
}
