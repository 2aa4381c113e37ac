//! The kinds of faults, and the phases of the cluster's life that they are counted in.

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL of the leading master.
    KillLeader,
    /// SIGKILL of another master, or of all at once.
    KillMasters,
    /// SIGSTOP of the leading master, and SIGCONT after a while.
    PauseLeader,
    /// The leader hands over and ends.
    HandOver,
    /// SIGKILL of a worker's agent, sometimes at a chosen point of its work; what it started lives on.
    KillAgent,
    /// SIGSTOP of a worker's agent.
    PauseAgent,
    /// SIGSTOP or SIGKILL of an instance's supervisor.
    Supervisor,
    /// A machine of a worker is gone, with all that runs there, and perhaps comes back as another boot.
    LoseMachine,
    /// Processes crash, or ignore TERM.
    Process,
    /// The leader is cut off from a majority, or with it from the others.
    Partition,
    /// One member sees both sides; or links come and go.
    Bridge,
    /// Messages go one way only between the leader and workers.
    OneWay,
    /// A worker sees the old leader only.
    OldLeader,
    /// Delay, loss, reordering, repetition.
    SlowNetwork,
    /// Connections are reset.
    Reset,
    /// Connections die and nobody is told.
    HalfOpen,
    /// Power cut of a master.
    PowerCut,
    /// Power cut of all masters.
    PowerCutAll,
    /// Power cut of a worker's machine.
    PowerCutWorker,
    /// A master's disk is full, or fails.
    DiskFails,
    /// Flushes take long.
    SlowDisk,
    /// A wall clock jumps by up to two hours.
    WallClock,
    /// One member is slow in everything.
    SlowMember,
    /// A client goes away, or asks twice.
    Client,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 24] = [
        Fault::KillLeader,
        Fault::KillMasters,
        Fault::PauseLeader,
        Fault::HandOver,
        Fault::KillAgent,
        Fault::PauseAgent,
        Fault::Supervisor,
        Fault::LoseMachine,
        Fault::Process,
        Fault::Partition,
        Fault::Bridge,
        Fault::OneWay,
        Fault::OldLeader,
        Fault::SlowNetwork,
        Fault::Reset,
        Fault::HalfOpen,
        Fault::PowerCut,
        Fault::PowerCutAll,
        Fault::PowerCutWorker,
        Fault::DiskFails,
        Fault::SlowDisk,
        Fault::WallClock,
        Fault::SlowMember,
        Fault::Client,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::KillLeader => "kill-leader",
            Fault::KillMasters => "kill-masters",
            Fault::PauseLeader => "pause-leader",
            Fault::HandOver => "hand-over",
            Fault::KillAgent => "kill-agent",
            Fault::PauseAgent => "pause-agent",
            Fault::Supervisor => "supervisor",
            Fault::LoseMachine => "lose-machine",
            Fault::Process => "process",
            Fault::Partition => "partition",
            Fault::Bridge => "bridge",
            Fault::OneWay => "one-way",
            Fault::OldLeader => "old-leader",
            Fault::SlowNetwork => "slow-network",
            Fault::Reset => "reset",
            Fault::HalfOpen => "half-open",
            Fault::PowerCut => "power-cut",
            Fault::PowerCutAll => "power-cut-all",
            Fault::PowerCutWorker => "power-cut-worker",
            Fault::DiskFails => "disk-fails",
            Fault::SlowDisk => "slow-disk",
            Fault::WallClock => "wall-clock",
            Fault::SlowMember => "slow-member",
            Fault::Client => "client",
        }
    }

    /// The phases in which a large run must have seen it (reliability list, fault matrix: the cells of
    /// the simulator). What only real processes can show is not here.
    pub const fn must_meet(self) -> &'static str {
        match self {
            Fault::KillLeader => "FQSLRUKEVNM",
            Fault::KillMasters => "FQSRUKEVNM",
            Fault::PauseLeader => "QSLRUKEVNM",
            Fault::HandOver => "QSLRUKEVM",
            Fault::KillAgent | Fault::PauseAgent => "SLRUKEV",
            Fault::Supervisor => "SLRUKEV",
            Fault::LoseMachine => "SLRUKEV",
            Fault::Process => "LRUKV",
            Fault::Partition => "FQSLRUKEVNM",
            Fault::Bridge => "FQSRUKEVNM",
            Fault::OneWay | Fault::OldLeader => "SLRUKEV",
            Fault::SlowNetwork | Fault::Reset | Fault::HalfOpen => "FQSLRUKEVNM",
            Fault::PowerCut | Fault::PowerCutAll => "FQSRUKEVNM",
            Fault::PowerCutWorker => "SLRUKV",
            Fault::DiskFails => "QKEVN",
            Fault::SlowDisk => "FQSRUKEVN",
            Fault::WallClock => "QSREV",
            Fault::SlowMember => "QREVN",
            Fault::Client => "QKEV",
        }
    }
}

/// The phases, as one letter each: what the cluster was about when a fault came.
pub const PHASES: [(char, &str); 11] = [
    ('F', "forming: no leadership yet"),
    ('Q', "a client's write is in flight"),
    (
        'S',
        "something is placed whose order its worker has not accepted",
    ),
    ('L', "an order is accepted and not executed yet"),
    ('R', "processes run"),
    ('U', "an end is not acknowledged yet"),
    ('K', "a kill is on its way"),
    ('E', "nobody leads"),
    ('V', "a leader recovers"),
    (
        'N',
        "a snapshot is on its way to a member, or one lags so far",
    ),
    (
        'M',
        "masters are restarted one after the other, as for an upgrade",
    ),
];
