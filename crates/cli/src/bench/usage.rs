//! What a process takes of the machine, as Linux counts it.

use std::time::Duration;

use anyhow::Context;
use vesta_local::Node;

/// Memory in use (resident set) of a node's process, in MiB.
pub fn memory_mib(node: &Node) -> anyhow::Result<f64> {
    let pid = node.pid().context("it does not run")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    Ok(kib.context("VmRSS is not shown")? / 1024.0)
}

/// CPU time that a node's process has taken so far.
pub fn cpu(node: &Node) -> anyhow::Result<Duration> {
    let pid = node.pid().context("it does not run")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; utime and stime are fields 14 and 15.
    let (_, rest) = text.rsplit_once(')').context("not as proc(5) has it")?;
    let ticks = rest.split_ascii_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|it| it.parse::<u64>().ok()).sum();
    let second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / second as f64))
}
