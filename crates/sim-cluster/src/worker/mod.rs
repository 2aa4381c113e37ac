//! A model of a worker: it holds a stream to every master and obeys as the agent does, and what it "executes"
//! goes into a ledger. (The agent's own logic is simulated elsewhere; here it is the masters that are true.)

mod holding;
mod session;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use vesta_types::{Capacity, Containment, Incarnation, Timestamp, WorkerDescription, WorkerId};

use crate::history::History;
use crate::machine::{EPOCH_MS, Machine, client_address};
use crate::options::Options;
use crate::story::Story;

use holding::Holding;
use session::Session;

/// Pause between two heartbeats.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Pause before a stream that broke is opened again.
const PAUSE: Duration = Duration::from_millis(300);

/// The host name of worker `number`.
pub fn name(number: u64) -> String {
    format!("w{number}")
}

/// The life of worker `number`: it never goes down, but it can be cut off.
pub async fn live(
    number: u64,
    options: Options,
    machines: Vec<Arc<Machine>>,
    history: History,
    story: Story,
) -> turmoil::Result {
    let name = name(number);
    let description = WorkerDescription {
        id: WorkerId::mint(Timestamp(EPOCH_MS), &name, 7710),
        incarnation: Incarnation {
            store: Uuid::from_u128(u128::from(number) << 8 | 1),
            boot: Uuid::from_u128(u128::from(number) << 8 | 2),
        },
        host: name.clone(),
        port: 7710,
        capacity: Capacity {
            // Enough for everything that a run submits: what waits, waits for a reason.
            cores: 400,
            memory_mib: 1024 * 1024,
            ..Capacity::default()
        },
        containment: Containment::default(),
        spark: None,
        spark_homes: Default::default(),
    };
    let seed = options.seed ^ (number << 40);
    let holding = Holding::new(name, description, seed, machines, history, story);
    let holding = Rc::new(RefCell::new(holding));
    for master in 1..=options.masters {
        let holding = Rc::clone(&holding);
        tokio::task::spawn_local(async move {
            loop {
                // However it ended, it is begun again.
                let _ = Session::new(Rc::clone(&holding))
                    .hold(&client_address(master))
                    .await;
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    std::future::pending().await
}
