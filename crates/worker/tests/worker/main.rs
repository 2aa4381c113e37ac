//! Real supervisors and real processes, and an agent that speaks with masters made of this test.
#![allow(clippy::unwrap_used, clippy::panic)]

mod agent;
mod killed;
mod master;
mod spark;
mod supervisor;
mod support;

/// Not a test of its own: when an agent or a test starts this binary again as a supervisor, this is
/// where it gets to. The instance's directory is then the last argument.
#[test]
fn supervisor_entry() {
    let dir = std::env::args()
        .next_back()
        .map(std::path::PathBuf::from)
        .unwrap_or_default();
    if dir.is_absolute() && dir.join("order.json").exists() {
        vesta_worker::supervise(&dir);
        std::process::exit(0);
    }
}

/// Not a test of its own: an agent in a process of its own, which can be killed. Its directory and its
/// master are in the environment.
#[test]
fn agent_entry() {
    let variable = |name| std::env::var(name).ok();
    if let (Some(dir), Some(master)) = (variable(killed::DIR), variable(killed::MASTER)) {
        let _scenario = fail::FailScenario::setup();
        let config = support::config(dir.as_ref(), &[master]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let ended = runtime.block_on(vesta_worker::run(config, std::future::pending()));
        panic!("the agent ended: {ended:?}");
    }
}
