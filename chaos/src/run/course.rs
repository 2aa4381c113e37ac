//! A run from its first process to its verdict.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use tokio::time::sleep;

use super::watch::{own_sample, samples};
use super::{Arguments, Binary, Journal, NetWish, Watch, collect, converged, copy_of};
use crate::fault::{Active, Ground, Kind, Needs, Plan, Planned, View};
use crate::load::{Load, LoadOptions};
use crate::record::{Clock, Letter, NetMode, Options, Phase, RunDir, Timings, What, write_json};
use crate::site::net::clients_runtime;
use crate::site::{Site, Wanted, faketime, private};

/// Environment variable with the run's directory, for the process in namespaces of its own.
pub const DIRECTORY: &str = "CHAOS_DIRECTORY";

/// How often a run looks at its faults.
const TICK: Duration = Duration::from_millis(50);

/// How often what processes take is written down.
const SAMPLE: Duration = Duration::from_secs(5);

/// Of each minute so long nothing new is broken.
const QUIET: Duration = Duration::from_secs(20);

/// And so long something is.
const ROUGH: Duration = Duration::from_secs(40);

/// How long a whole cluster may take until it is as it should be, beyond what its own times demand.
const CONVERGENCE: Duration = Duration::from_secs(30);

/// How long a planned fault may wait for somebody whom it can hit.
const BEGINNING: Duration = Duration::from_secs(60);

/// How long the load goes on before the first fault, and after the last.
const CALM: Duration = Duration::from_secs(8);

/// How long the work may take to come to its end.
const DRAIN: Duration = Duration::from_secs(120);

/// How long what should have ended is watched for a sign of life.
const ORPHANS: Duration = Duration::from_secs(3);

/// So many findings are enough to give up.
const ENOUGH: usize = 20;

/// The patience of masters without a leader: for a machine that does much else at the same time.
const ELECTION: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(1_000));

/// How long processes are given to end.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// What a run came to, beside what its directory says.
#[derive(Debug)]
pub struct Ran {
    /// Its directory.
    pub dir: RunDir,
    /// What the run itself found wrong.
    pub findings: Vec<String>,
}

/// Makes the run's directory with the binary in it: before any namespace, in which nothing can be fetched.
///
/// # Errors
/// When it can't be made, or the binary can't be built.
pub fn directory(arguments: &Arguments) -> Result<RunDir> {
    let path = match &arguments.out {
        Some(path) => std::path::absolute(path)?,
        None => {
            let pid = std::process::id();
            std::env::temp_dir().join(format!("chaos-{}-{pid}", arguments.seed))
        }
    };
    if path
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        bail!(
            "{} is not empty: a run needs a directory of its own",
            path.display()
        );
    }
    let dir = RunDir::create(&path).with_context(|| path.display().to_string())?;
    Binary::prepare(arguments.vesta.as_deref(), dir.path())?;
    Ok(dir)
}

/// How nodes will be connected, and why not better.
///
/// # Errors
/// When namespaces are demanded and don't work.
pub fn mode(wish: NetWish) -> Result<(NetMode, Option<String>)> {
    let probed = match wish {
        NetWish::Loopback => return Ok((NetMode::Loopback, None)),
        _ if private::is_inside() => Ok(()),
        _ => private::probe(),
    };
    match probed {
        Ok(()) => Ok((NetMode::Namespaces, None)),
        Err(error) if wish == NetWish::Namespaces => {
            Err(error).context("namespaces don't work here")
        }
        Err(error) => Ok((NetMode::Loopback, Some(format!("{error:#}")))),
    }
}

/// Runs a cluster with the faults of a seed.
///
/// # Errors
/// When something can't be had, or it is asked to end. What it finds wrong with the cluster is no error.
pub async fn run(arguments: &Arguments, dir: RunDir) -> Result<Ran> {
    let asked = private::asked_to_end()?;
    let (mode, why_not) = mode(arguments.net)?;
    if mode == NetMode::Namespaces {
        private::prepare().await?;
    }
    let kinds = possible(arguments, mode)?;
    let wanted = Wanted {
        dir: dir.clone(),
        vesta: dir.path().join("vesta"),
        mode,
        masters: arguments.masters,
        workers: usize::from(arguments.workers),
        scale: arguments.scale,
        election: ELECTION,
        stop_grace: STOP_GRACE,
        disks: kinds.iter().any(|kind| kind.needs() == Needs::Disks),
        clocks: kinds.iter().any(|kind| kind.needs() == Needs::Clocks),
    };
    let clock = Clock::start();
    let options = options(arguments, &wanted, &kinds, clock);
    write_json(&dir.options(), &options)?;
    let journal = Journal::open(&dir, clock)?;
    journal.note(&format!(
        "seed {}, {} masters, {} workers, {mode:?}, in {}",
        arguments.seed,
        arguments.masters,
        arguments.workers,
        dir.path().display()
    ))?;
    if let Some(why) = why_not {
        journal.note(&format!(
            "on loopback: links and disks stay whole, since {why}"
        ))?;
    }
    journal.phase(Phase::Forming)?;
    let site = Site::start(&wanted).await?;
    let watch = Watch::begin(&site.cluster, &journal);
    let clients = match mode {
        NetMode::Namespaces => Some(clients_runtime()?),
        NetMode::Loopback => None,
    };
    let mut course = Course {
        plan: Plan::new(arguments.seed, kinds),
        next: None,
        site,
        watch,
        journal,
        active: Vec::new(),
        findings: Vec::new(),
        sampled: Instant::now(),
        load: None,
        seed: arguments.seed,
        clients,
    };
    let done = tokio::select! {
        done = course.follow(arguments.duration()) => done,
        how = asked => Err(anyhow::anyhow!("{how}")),
    };
    if let Err(error) = &done {
        course
            .journal
            .note(&format!("the run ends early: {error:#}"))?;
    }
    let Course {
        site,
        journal,
        mut findings,
        load,
        clients,
        ..
    } = course;
    drop(load);
    if let Some(clients) = clients {
        clients.shutdown_background();
    }
    let left = site.finish().await?;
    done?;
    for process in left {
        findings.push(format!("no worker ended process {process}"));
    }
    for finding in &findings {
        journal.note(&format!("FOUND: {finding}"))?;
    }
    Ok(Ran { dir, findings })
}

/// The faults to choose from.
fn possible(arguments: &Arguments, mode: NetMode) -> Result<Vec<Kind>> {
    let can = |kind: &Kind| match kind.needs() {
        Needs::Nothing => true,
        Needs::Links | Needs::Disks => mode == NetMode::Namespaces,
        Needs::Clocks => faketime().is_some(),
    };
    if arguments.faults.is_empty() {
        return Ok(Kind::usual().into_iter().filter(can).collect());
    }
    if let Some(kind) = arguments.faults.iter().find(|kind| !can(kind)) {
        bail!(
            "{kind} needs {:?}, which this machine or --net does not give",
            kind.needs()
        );
    }
    Ok(arguments.faults.clone())
}

fn options(arguments: &Arguments, wanted: &Wanted, kinds: &[Kind], clock: Clock) -> Options {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let version = std::process::Command::new(&wanted.vesta)
        .arg("--version")
        .output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    Options {
        seed: arguments.seed,
        scenario: None,
        seconds: arguments.duration().as_secs(),
        masters: u32::try_from(arguments.masters).unwrap_or(u32::MAX),
        workers: u32::from(arguments.workers),
        net: wanted.mode,
        timings: Timings::scaled(wanted.scale, wanted.stop_grace, wanted.election.1),
        faults: kinds.iter().map(ToString::to_string).collect(),
        commit: version.unwrap_or_default(),
        started_boot_us: clock.started_boot_us(),
        started_wall_ms: u64::try_from(wall.unwrap_or_default().as_millis()).unwrap_or(0),
        calls_min: 20,
    }
}

/// A run that goes on.
struct Course {
    site: Site,
    watch: Watch,
    journal: Journal,
    plan: Plan,
    next: Option<Planned>,
    active: Vec<Active>,
    findings: Vec<String>,
    sampled: Instant,
    load: Option<Load>,
    seed: u64,
    /// Where clients run, if not beside everything else.
    clients: Option<tokio::runtime::Runtime>,
}

impl Course {
    async fn follow(&mut self, duration: Duration) -> Result<()> {
        self.converge("forming").await?;
        self.journal.phase(Phase::Warm)?;
        self.begin_load()?;
        self.pass(CALM).await?;
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.journal.phase(Phase::Safety)?;
            let rough = end.saturating_duration_since(Instant::now()).min(ROUGH);
            self.break_things(Instant::now() + rough).await?;
            if Instant::now() < end {
                self.heal().await?;
                self.journal.phase(Phase::Quiet)?;
                let begun = Instant::now();
                self.converge("a quiet time").await?;
                self.pass(QUIET.saturating_sub(begun.elapsed())).await?;
            }
        }
        self.heal().await?;
        self.journal.phase(Phase::Healing)?;
        self.converge("healing").await?;
        self.pass(CALM).await?;
        self.journal.phase(Phase::Draining)?;
        if let Some(load) = self.load.take() {
            load.submit_no_more();
            let drained = load.drain(DRAIN).await;
            self.journal.note(&format!("{drained:?}"))?;
        }
        self.journal.phase(Phase::Drained)?;
        self.pass(ORPHANS).await?;
        let state = collect(&self.site).await;
        write_json(&self.site.dir().state(), &state)?;
        Ok(())
    }

    /// Has clients ask for work from now on.
    fn begin_load(&mut self) -> Result<()> {
        let dir = self.site.dir();
        let options = LoadOptions::new(
            self.seed,
            self.site.cluster.master_url().parse()?,
            dir.clone(),
            self.journal.clock(),
            copy_of(dir.path())?,
        );
        // What is spawned meanwhile runs in the clients' namespace.
        let _there = self.clients.as_ref().map(|clients| clients.enter());
        self.load = Some(Load::start(options)?);
        Ok(())
    }

    /// What is under way now: columns of the fault matrix.
    fn letters(&self, view: &View, kind: Kind) -> Vec<Letter> {
        let mut letters = view.letters();
        letters.extend(kind.letters());
        let (submits, kills) = self.load.as_ref().map_or((false, false), Load::in_flight);
        letters.extend(submits.then_some(Letter::Q));
        letters.extend(kills.then_some(Letter::K));
        letters.sort();
        letters.dedup();
        letters
    }

    /// Begins one fault of the plan after the other, until then.
    async fn break_things(&mut self, until: Instant) -> Result<()> {
        let mut due = Instant::now();
        loop {
            let Some(planned) = self.next.take().or_else(|| self.plan.next()) else {
                return Ok(());
            };
            due += planned.pause;
            if due + planned.lasts >= until {
                // It is the first of the next time.
                self.next = Some(planned);
                return self
                    .pass(until.saturating_duration_since(Instant::now()))
                    .await;
            }
            self.pass(due.saturating_duration_since(Instant::now()))
                .await?;
            self.begin(planned).await?;
            due = due.max(Instant::now());
        }
    }

    /// Begins one fault, as soon as there is somebody whom it can hit.
    async fn begin(&mut self, planned: Planned) -> Result<()> {
        let (id, fault) = (planned.id, planned.kind.to_string());
        self.journal.write(What::FaultPlanned {
            id,
            fault: fault.clone(),
        })?;
        let since = Instant::now();
        let active = loop {
            let view = self.watch.view();
            let leader = view.leader().map(|at| format!("master-{}", at + 1));
            let phases = self.letters(&view, planned.kind);
            let mut ground = Ground {
                site: &mut self.site,
                view,
                busy: self
                    .active
                    .iter()
                    .flat_map(|it| it.targets.clone())
                    .collect(),
            };
            match Active::begin(planned.clone(), &mut ground).await {
                Ok(Some(active)) => {
                    self.journal.say(&format!(
                        "fault {id}: {fault} at {} for {:.1} s, in {phases:?}",
                        active.targets.join(", "),
                        planned.lasts.as_secs_f64()
                    ));
                    self.journal.write(What::FaultBegan {
                        id,
                        fault,
                        targets: active.touches.clone(),
                        leader,
                        phases,
                    })?;
                    break active;
                }
                Ok(None) if since.elapsed() < BEGINNING => self.tick().await?,
                Ok(None) => {
                    let waited = "there was nobody whom it could hit for a minute";
                    return self.find(format!("fault {id} ({fault}): {waited}"));
                }
                Err(error) => return self.find(format!("{error:#}")),
            }
        };
        self.saw(&active)?;
        self.active.push(active);
        Ok(())
    }

    fn saw(&self, active: &Active) -> Result<()> {
        match &active.seen {
            Some(by) => self.journal.write(What::FaultSeen {
                id: active.planned.id,
                by: by.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Lets time pass: what is broken goes on, and ends when its time is over.
    async fn pass(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.tick().await?;
        }
        Ok(())
    }

    async fn tick(&mut self) -> Result<()> {
        sleep(TICK).await;
        self.go_on().await?;
        self.look_after().await?;
        if self.sampled.elapsed() >= SAMPLE {
            self.sampled = Instant::now();
            let own = own_sample();
            for sample in samples(&self.site.cluster).into_iter().chain(own) {
                self.journal.write(What::Sample(sample))?;
            }
        }
        Ok(())
    }

    async fn go_on(&mut self) -> Result<()> {
        let mut on = Vec::new();
        for mut active in std::mem::take(&mut self.active) {
            let seen = active.seen.is_some();
            if let Err(error) = active.step(&mut self.site) {
                self.find(format!("{error:#}"))?;
            }
            if active.is_over() {
                self.end(active, seen).await?;
            } else {
                if !seen {
                    self.saw(&active)?;
                }
                on.push(active);
            }
        }
        self.active.append(&mut on);
        Ok(())
    }

    async fn end(&mut self, mut active: Active, told: bool) -> Result<()> {
        if let Err(error) = active.end(&mut self.site).await {
            self.find(format!("{error:#}"))?;
        }
        if !told {
            self.saw(&active)?;
        }
        let id = active.planned.id;
        match &active.seen {
            Some(by) => self.journal.say(&format!("fault {id} is over: {by}")),
            None => self.find(format!(
                "fault {id} ({}) did not happen: nothing of it was seen",
                active.planned.kind
            ))?,
        }
        self.journal.write(What::FaultEnded { id })
    }

    /// Ends everything that is broken; what waits to be run into, once it was.
    async fn heal(&mut self) -> Result<()> {
        while self.active.iter().any(|it| it.waits() && !it.is_over()) {
            self.tick().await?;
        }
        for active in std::mem::take(&mut self.active) {
            let told = active.seen.is_some();
            self.end(active, told).await?;
        }
        Ok(())
    }

    /// A process that ended without having been told to is a finding, and is started again.
    async fn look_after(&mut self) -> Result<()> {
        let excused: BTreeSet<String> = self
            .active
            .iter()
            .flat_map(|it| it.targets.clone())
            .collect();
        let cluster = &mut self.site.cluster;
        let nodes = cluster.masters.iter_mut().chain(&mut cluster.workers);
        let mut ended = Vec::new();
        for node in nodes {
            if !node.is_running() && !excused.contains(&node.name()) {
                let text = node.log_text();
                let last = text.lines().rev().take(3).collect::<Vec<_>>();
                ended.push(format!(
                    "{} ended by itself: {}",
                    node.name(),
                    last.join(" | ")
                ));
                node.start()?;
            }
        }
        for finding in ended {
            self.find(finding)?;
        }
        Ok(())
    }

    /// Waits until a cluster of which nothing is broken is as it should be.
    async fn converge(&mut self, when: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let Some(missing) = converged(&self.site).await? else {
                let took = begun.elapsed().as_secs_f64();
                self.journal.say(&format!("converged after {took:.1} s"));
                return Ok(());
            };
            if begun.elapsed() > CONVERGENCE {
                return self.find(format!(
                    "{when}: not converged in {CONVERGENCE:?}: {missing}"
                ));
            }
            self.tick().await?;
        }
    }

    fn find(&mut self, finding: String) -> Result<()> {
        self.journal.note(&format!("FOUND: {finding}"))?;
        self.findings.push(finding);
        if self.findings.len() >= ENOUGH {
            bail!("{ENOUGH} findings are enough");
        }
        Ok(())
    }
}

/// The directory that the outer process has made for this one.
pub fn given_directory() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}
