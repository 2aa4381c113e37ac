//! A cluster that a scenario plays on, and the programs that it runs there.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;

use vesta_client::{ApplicationBuilder, Client, ClientOptions, MasterList, new_key};
use vesta_local::ledger::{self, Event, KEY_VARIABLE, LEDGER_VARIABLE, Record, Runs, Submission};
use vesta_local::{Cluster, Options, Program, wait_until};
use vesta_types::{DriverDescription, DriverId, Launch, SubmissionKey};

use super::Finding;
use super::apart::Apart;
use super::finding::must;
use super::notes::Notes;
use crate::record::RunDir;

/// How long anything may take that should happen at once: far above what it takes, even on a busy machine.
pub const BOUND: Duration = Duration::from_secs(40);

/// Shell lines that never end by themselves.
pub const FOR_EVER: &str = "while :; do sleep 1; done";

/// A shell function that appends a line to the ledger, in one write.
const SAY: &str = r#"key=null
if [ -n "$VESTA_LEDGER_KEY" ]; then key="\"$VESTA_LEDGER_KEY\""; fi
say() {
  read -r up _ < /proc/uptime
  printf '{"event":"%s","instance":"%s","attempt":%s,"restart":%s,"pid":%s,"at":%s000,"key":%s,"boot_us":%s,"epoch":%s}\n' \
    "$1" "$VESTA_INSTANCE_ID" "${VESTA_ATTEMPT:-0}" "${VESTA_RESTART:-0}" $$ "$(date +%s)" "$key" \
    "${up%.*}${up#*.}0000" "${VESTA_EPOCH:-0}" >> "$VESTA_LEDGER"
}"#;

/// What a scenario is played with.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The `vesta` binary, with failpoints.
    pub vesta: PathBuf,
    /// Where everything is kept.
    pub dir: PathBuf,
    /// How many drivers wait where many do.
    pub crowd: u16,
}

impl Setting {
    /// Three masters and one worker of 4 cores. Elections are patient enough for a busy machine of two cores;
    /// the timeouts of workers and recovery are a tenth of the default (6 s; leases 30 s).
    pub fn options(&self) -> Options {
        Options {
            dir: Some(RunDir::at(&self.dir).nodes()),
            workers: 1,
            heartbeat: Duration::from_millis(100),
            election: (Duration::from_millis(500), Duration::from_millis(1000)),
            time_scale: 0.1,
            ..Options::new(Program::new(self.vesta.clone()))
        }
    }
}

/// A cluster, and what was asked of it.
pub struct Stage {
    cluster: Cluster,
    submitted: Vec<Submission>,
    dir: RunDir,
    notes: Notes,
    pub(super) apart: Option<Apart>,
}

impl Deref for Stage {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }
}

impl Stage {
    /// A cluster of which no process runs yet.
    pub fn prepare(options: Options) -> Result<Stage, Finding> {
        let dir = options.dir.as_ref().and_then(|nodes| nodes.parent());
        let dir = dir.ok_or_else(|| Finding::Unknown("a scenario has a directory".to_owned()))?;
        let dir = RunDir::create(dir)?;
        let notes = Notes::begin(dir.clone(), &options)?;
        let mut cluster = Cluster::prepare(options)?;
        let failpoints = cluster.dir().join("failpoints");
        std::fs::create_dir_all(&failpoints)?;
        for node in cluster.masters.iter_mut() {
            let file = failpoints.join(node.name());
            node.set_env("VESTA_FAILPOINTS_FILE", file.to_string_lossy());
        }
        Ok(Stage {
            cluster,
            submitted: Vec::new(),
            dir,
            notes,
            apart: None,
        })
    }

    /// Lets the failpoints of the master at `at` be as `settings` says (`name=actions;…`), and waits until it,
    /// if it runs, has said that they are.
    pub async fn set_failpoints(&self, at: usize, settings: &str) -> Result<(), Finding> {
        let master = &self.masters[at];
        let said = |text: &str| text.matches("failpoint o").count();
        let before = said(&master.log_text());
        let path = self.dir().join("failpoints").join(master.name());
        let beside = path.with_extension("new");
        std::fs::write(&beside, settings)?;
        std::fs::rename(&beside, &path)?;
        let follows = wait_until("failpoints to be set", BOUND, async || {
            !master.is_running() || said(&master.log_text()) > before
        });
        Ok(follows.await?)
    }

    /// Starts a cluster and waits until it leads itself and all its workers are ALIVE.
    pub async fn start(options: Options) -> Result<Stage, Finding> {
        let mut stage = Stage::prepare(options)?;
        stage.start_all().await?;
        Ok(stage)
    }

    /// Starts every process that does not run, and waits as [`Stage::start`] does.
    pub async fn start_all(&mut self) -> Result<(), Finding> {
        let Cluster {
            masters, workers, ..
        } = &mut self.cluster;
        let count = workers.len();
        for node in masters.iter_mut().chain(workers) {
            if !node.is_running() {
                node.start()?;
            }
        }
        self.cluster.ready(BOUND).await?;
        self.leader().await?;
        self.workers_alive(count).await
    }

    /// A client of every master, more patient than any election.
    pub fn client(&self) -> Client {
        let masters: MasterList = self.master_url().parse().expect("the cluster's own URL");
        let options = ClientOptions {
            deadline: BOUND,
            // A paused master takes a connection and never answers.
            attempt: Duration::from_secs(1),
            ..ClientOptions::default()
        };
        Client::with_options(&masters, options)
    }

    /// A driver of one core that runs the shell lines `body` between two lines in the ledger.
    pub fn driver_of(&self, name: &str, supervise: bool, body: &str) -> DriverDescription {
        DriverDescription {
            name: name.to_owned(),
            launch: self.launch(body),
            cores: 1,
            memory_mib: 64,
            supervise,
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
        let masters: MasterList = self.master_url().parse().expect("the cluster's own URL");
        ApplicationBuilder::new(masters, self.launch(body))
            .name(name.to_owned())
            .executor_cores(Some(1))
            .executor_memory_mib(64)
            .target(Some(target))
            .heartbeat(Duration::from_millis(250))
    }

    /// Submits a driver that must run, under a new key; the client repeats it until it is acknowledged.
    pub async fn submit(&mut self, driver: &DriverDescription) -> Result<DriverId, Finding> {
        self.submit_as(new_key(), driver).await
    }

    /// The same, under this key.
    pub async fn submit_as(
        &mut self,
        key: SubmissionKey,
        driver: &DriverDescription,
    ) -> Result<DriverId, Finding> {
        let (id, _) = self.notes.submit(&self.client(), key, driver).await?;
        self.acknowledged(key, &id, driver.supervise)
    }

    /// Records that a driver is to end: it never runs again.
    pub async fn kill(&self, id: &DriverId) -> Result<(), Finding> {
        let recorded = self.notes.kill(&self.client(), id).await?;
        must!(recorded, "{id} can't be killed, though it is not over");
        Ok(())
    }

    /// What writes calls down.
    pub(super) fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// Takes note of a driver that was acknowledged and must run.
    pub fn acknowledged(
        &mut self,
        key: SubmissionKey,
        id: &str,
        supervised: bool,
    ) -> Result<DriverId, Finding> {
        let id: DriverId = id
            .parse()
            .map_err(|error| Finding::Broken(format!("{id:?} is no driver's id: {error}")))?;
        self.submitted.push(Submission {
            key,
            driver: Some(id.clone()),
            supervised,
            must_run: true,
        });
        Ok(id)
    }

    /// From now on this driver need not ever have run: it was killed, or its worker lost, before.
    pub fn need_not_run(&mut self, id: &DriverId) {
        for submitted in &mut self.submitted {
            if submitted.driver.as_ref() == Some(id) {
                submitted.must_run = false;
            }
        }
    }

    /// What launched programs have written so far.
    pub fn records(&self) -> Result<Vec<Record>, Finding> {
        let records = ledger::read(&self.ledger());
        records.map_err(|error| Finding::Unknown(error.to_string()))
    }

    /// Programs that have begun so far, in that order.
    pub fn started(&self) -> Result<Vec<Record>, Finding> {
        let mut records = self.records()?;
        records.retain(|record| record.event == Event::Started);
        Ok(records)
    }

    /// Ends everything, and judges the ledger: nothing is left behind, nothing ran twice, nothing is lost.
    pub async fn end(mut self) -> Result<(), Finding> {
        let left = self.cluster.stop_all().await?;
        must!(left.is_empty(), "left behind: {left:?}");
        let verdict = Runs::of(&self.records()?).judge(&self.submitted);
        must!(
            verdict.is_good(),
            "ran twice: {:?}; lost: {:?}",
            verdict.twice,
            verdict.lost
        );
        std::fs::copy(self.ledger(), self.dir.ledger())?;
        if let Some(apart) = self.apart.take() {
            apart.unpack()?;
        }
        self.notes.judge()
    }
}

/// Shell lines that wait until the file at `path` is there.
pub fn until(path: &Path) -> String {
    format!("while [ ! -e '{}' ]; do sleep 0.05; done", path.display())
}

/// The same driver, told the key that it is submitted with.
pub fn with_key(driver: &DriverDescription, key: SubmissionKey) -> DriverDescription {
    let mut driver = driver.clone();
    let told = (KEY_VARIABLE.to_owned(), key.to_string());
    driver.launch.env.extend([told]);
    driver
}
